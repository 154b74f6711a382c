"""This module obeys the commands that a running experiment receives, and publishes the answers.

Called by the hook, the loggers and `parent`; takes commands from the broadcaster. It obeys each at the boundary of
a step and publishes a CommandResult. A paused run waits here, on the experiment's own thread.
"""

from __future__ import annotations

import logging
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import AbortRequested
from monty_mqtt.wire.schema import Command, CommandResult, Status

__all__ = ["GONE_SECS", "CommandObeyer", "Place"]

GONE_SECS = 60.0
"""Seconds after which a paused run resumes if its bridge sends nothing: no user could resume it any more."""

_LISTEN_SECS = 0.25
"""Seconds of one wait while paused. A message of the bridge ends it at once, and so does a signal."""

_log = logging.getLogger(__name__)

_Answer = Tuple[bool, str]


class Place(NamedTuple):
    """Place says where a run stands when it receives a command.

    Attributes:
        now: In words: `at step 12 of episode 3`.
        end: In words: when the run ends if it is stopped here.
        within: Whether at least one step of an episode was made, and the episode is not over.
    """

    now: str
    end: str
    within: bool

    @classmethod
    def of(cls, step: Optional[int], episode: Optional[int]) -> Place:
        """Return the place of a step within an episode, both from 0 as on the wire; None: no step, no episode."""
        if episode is None:
            return cls("between episodes", "now, between episodes", within=False)
        if step is None:
            return cls(f"before the first step of episode {episode}", f"before episode {episode}", within=False)
        return cls(f"at step {step} of episode {episode}", f"after episode {episode}", within=True)


class CommandObeyer:
    """CommandObeyer obeys each command once, and remembers what the commands change.

    Args:
        broadcaster: Delivers the commands and publishes the answers.
        gone_secs: A paused run resumes by itself if the bridge sends nothing for so many seconds.

    Attributes:
        abort_reason: Why the run is being aborted; None while it is not.
        stop_reason: Why no further episode begins, empty without a given reason; None while episodes may begin.
        paused: Whether the run must wait.
        interrupted_by: Name of the signal that ends the run as an abort does; None without a signal.
    """

    def __init__(self, broadcaster: ZmqBroadcaster, gone_secs: float = GONE_SECS) -> None:
        self.abort_reason: Optional[str] = None
        self.stop_reason: Optional[str] = None
        self.paused = False
        self.interrupted_by: Optional[str] = None
        self._broadcaster = broadcaster
        self._gone_secs = gone_secs
        self._steps_left: Optional[int] = None
        self._heard_at = self._listened_at = self._silent_secs = 0.0
        self._by_word: Dict[str, Callable[[Command, Place], _Answer]] = {
            "abort": self._abort,
            "pause": self._pause,
            "resume": self._resume,
            "step": self._step,
            "stop": self._stop,
        }

    @property
    def is_ending(self) -> bool:
        """Whether no further episode begins."""
        return self.abort_reason is not None or self.stop_reason is not None

    def obey(self, step: Optional[int] = None, episode: Optional[int] = None) -> float:
        """Obey the commands that have arrived; while the run is paused, wait.

        Args:
            step: The step within the episode that was just made; None before the first step and between episodes.
            episode: The episode; None between episodes.

        Returns:
            Seconds that the run was paused here.

        Raises:
            AbortRequested: The run must end here, because of a command now or before.
        """
        if step is not None and self._steps_left is not None:
            self._made_a_step()
        commands = self._broadcaster.take_commands()
        if not (commands or self.paused or self.is_ending or self.interrupted_by):
            return 0.0
        place = Place.of(step, episode)
        self._do_all(commands, place)
        self._heed_signal()
        secs = self._wait(place)
        if self._ends_at(place):
            raise AbortRequested(self.abort_reason or "stopped by command")
        return secs

    def take(self, place: Place) -> None:
        """Obey the commands that have arrived, without waiting."""
        self._do_all(self._broadcaster.take_commands(), place)
        self._heed_signal()

    def listen(self, place: Place) -> None:
        """Wait a moment for a command that ends the pause; end it if the bridge has sent nothing for too long."""
        heard_at = self._broadcaster.listen(_LISTEN_SECS)
        now = time.monotonic()
        if heard_at != self._heard_at:
            self._heard_at, self._silent_secs = heard_at, 0.0
        else:  # a process that was frozen has not been waiting all the time
            self._silent_secs += min(now - self._listened_at, 2 * _LISTEN_SECS)
        self._listened_at = now
        self.take(place)
        if self.paused and self._silent_secs >= self._gone_secs:
            self._go_on(f"resumed, because no bridge has answered for {self._gone_secs:g} s")
            _log.warning("the paused run goes on %s: no bridge has answered for %g s", place.now, self._gone_secs)

    def _wait(self, place: Place) -> float:
        if not self.paused:
            return 0.0
        began = time.monotonic()
        while self.paused and not self._ends_at(place):
            self.listen(place)
        return time.monotonic() - began

    def _ends_at(self, place: Place) -> bool:
        return self.abort_reason is not None or (self.stop_reason is not None and not place.within)

    def _made_a_step(self) -> None:
        assert self._steps_left is not None  # noqa: S101 - the caller checks it, each step
        self._steps_left -= 1
        if not self._steps_left:
            self._halt(None)

    def _do_all(self, commands: List[Command], place: Place) -> None:
        for command in commands:
            obeyed, detail = self._do(command, place)
            status = "obeyed" if obeyed else "refused"
            self._broadcaster.publish(CommandResult, id=command.id, status=status, detail=detail)

    def _do(self, command: Command, place: Place) -> _Answer:
        do = self._by_word.get(command.command)
        if do is None:
            return False, f"{command.command!r} is not a command of this version; it knows: {', '.join(self._by_word)}"
        if self.abort_reason is not None and command.command != "abort":
            return False, f"the run is being aborted: {self.abort_reason}"
        return do(command, place)

    def _abort(self, command: Command, place: Place) -> _Answer:
        self._begin_abort(command.reason or "aborted by command")
        return True, f"aborting {place.now}"

    def _begin_abort(self, reason: str) -> None:
        if self.abort_reason is None:
            self.abort_reason = reason
            self.paused, self._steps_left = False, None
            self._broadcaster.publish(Status, status="aborting", reason=reason)

    def _heed_signal(self) -> None:
        if self.interrupted_by is not None:
            self._begin_abort(self.interrupted_by)

    def _pause(self, command: Command, place: Place) -> _Answer:
        if self.paused:
            return True, f"already paused {place.now}"
        self._halt(command.reason)
        return True, f"paused {place.now}"

    def _resume(self, command: Command, place: Place) -> _Answer:
        if not self.paused and self._steps_left is None:
            return False, "it is not paused"
        self._go_on(command.reason)
        return True, f"resumed {place.now}"

    def _step(self, command: Command, place: Place) -> _Answer:
        steps = 1 if command.steps is None else command.steps
        if steps < 1:
            return False, f"steps is {steps}; it must be 1 or more"
        counted = f"{steps} step{'s' if steps > 1 else ''}"
        self._go_on(f"for {counted}", steps)
        return True, f"{counted} from here, then paused; now {place.now}"

    def _stop(self, command: Command, place: Place) -> _Answer:
        if self.stop_reason is None:
            self.stop_reason = command.reason or ""
            self._go_on(None)
        return True, f"stops {place.end}"

    def _halt(self, reason: Optional[str]) -> None:
        self.paused, self._steps_left = True, None
        self._silent_secs, self._listened_at = 0.0, time.monotonic()
        self._tell("paused", reason)

    def _go_on(self, reason: Optional[str], steps: Optional[int] = None) -> None:
        self.paused, self._steps_left = False, steps
        self._tell("running", reason)

    def _tell(self, word: str, reason: Optional[str]) -> None:
        stopping = None
        if self.stop_reason is not None:
            stopping = "stops after this episode" + (f": {self.stop_reason}" if self.stop_reason else "")
        self._broadcaster.publish(Status, status=word, reason="; ".join(filter(None, [reason, stopping])) or None)
