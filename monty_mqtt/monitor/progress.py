"""This module counts how far a worker is. Pure: the caller passes the time.

Called by the hook and `episode_logger`, which report steps and episodes and publish `fields` when it is `due`.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional

from monty_mqtt.wire.message_pieces import ModeProgress
from monty_mqtt.wire.mode_sum import Finished, ModeSum

__all__ = ["ProgressTracker", "RunPosition"]

_LEAST_SECS = 1.0
"""Shortest time between two Progress messages, except at the ends of episodes."""


class RunPosition(NamedTuple):
    """RunPosition says where in the run an episode stands: epoch and episode of its mode, from 0."""

    mode: str = ""
    epoch: int = 0
    episode: int = 0


class ProgressTracker:
    """ProgressTracker counts the steps and adds up the episodes of one worker, by mode.

    Args:
        now_secs: Time at the start of the run, seconds of a clock that is never set.
        expected: Number of episodes of this worker by mode, if known.

    Attributes:
        position: The running episode.
        total_step: Number of the next step within the run, from 0.
        episodes_expected: Number of episodes of all modes; None if not known.
        episodes_done: Number of finished episodes of all modes.
    """

    def __init__(self, now_secs: float, expected: Mapping[str, int]) -> None:
        self.position = RunPosition()
        self.total_step = 0
        self.episodes_expected = sum(expected.values()) if expected else None
        self.episodes_done = 0
        self._expected = dict(expected)
        self._began = self._episode_began = self._last_ended = now_secs
        self._last = -_LEAST_SECS + now_secs
        self._steps: Dict[str, int] = {}
        self._sums: Dict[str, ModeSum] = {}
        self._step = 0

    def episode_began(self, position: RunPosition, now_secs: float) -> None:
        """Note that an episode begins."""
        self.position = position
        self._episode_began = now_secs
        self._step = 0

    def stepped(self, step: int) -> int:
        """Note a step of the running episode; return its number within the run."""
        number = self.total_step
        self.total_step = number + 1
        self._step = step
        mode = self.position.mode
        self._steps[mode] = self._steps.get(mode, 0) + 1
        return number

    def add(self, position: RunPosition, steps: int) -> None:
        """Note the steps of an episode that another process made."""
        self.position = position
        self.total_step += steps
        self._steps[position.mode] = self._steps.get(position.mode, 0) + steps

    def episode_ended(self, episode: Finished, now_secs: float) -> None:
        """Note that the running episode is over."""
        self.episodes_done += 1
        self._last_ended = now_secs
        self._sums.setdefault(episode.mode, ModeSum()).add(episode)

    def episode_secs(self, now_secs: float) -> float:
        """Return how many seconds the running episode has taken."""
        return now_secs - self._episode_began

    def due(self, now_secs: float) -> bool:
        """Return whether a Progress message may be sent now; if so, the next may follow a second later."""
        if now_secs - self._last < _LEAST_SECS:
            return False
        self._last = now_secs
        return True

    def paused(self, secs: float) -> None:
        """Exclude a finished pause from all times."""
        self._began += secs
        self._episode_began += secs
        self._last_ended += secs

    def fields(self, now_secs: float, now_unix_nanos: int) -> Dict[str, Any]:
        """Return the fields of a Progress message."""
        return {
            "mode": self.position.mode,
            "epoch": self.position.epoch,
            "episode": self.position.episode,
            "step": self._step,
            "modes": {mode: self._mode(mode) for mode in sorted({*self._sums, *self._steps})},
            "episodes_done": self.episodes_done,
            "episodes_expected": self.episodes_expected,
            "elapsed_secs": now_secs - self._began,
            "estimated_end_unix_nanos": self._estimated_end(now_secs, now_unix_nanos),
        }

    def _mode(self, mode: str) -> ModeProgress:
        added = self._sums.get(mode) or ModeSum()
        return added.progress(self._steps.get(mode, 0), self._expected.get(mode))

    def _estimated_end(self, now_secs: float, now_unix_nanos: int) -> Optional[int]:
        if not self.episodes_done or self.episodes_expected is None:
            return None
        mean = (self._last_ended - self._began) / self.episodes_done
        # An episode may take longer than the mean, but the estimated end never lies in the past.
        left = max(mean * (self.episodes_expected - self.episodes_done) - (now_secs - self._last_ended), 0.0)
        return now_unix_nanos + int(left * 1e9)
