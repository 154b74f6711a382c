"""This module decides what to do with a command that came over MQTT. Pure: the caller passes the time.

Called by `pipeline` with each message on `…/command`; `pipeline` passes on and publishes what the decision says. The
experiment itself answers a command that it obeys. The state that must outlive the bridge is plain bytes (`save`,
`load`), which the journal keeps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import SELF_TEST
from monty_mqtt_bridge.receive.sender import Key
from monty_mqtt_bridge.rules.life import Life
from monty_mqtt_bridge.rules.other_bridges import OtherBridges
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["COMMANDS", "FORGET", "CommandRules", "Decision"]

COMMANDS = ("abort", "pause", "resume", "step", "stop")
"""The commands that this version passes on."""

FORGET = "forget"
"""The command that the bridge carries out itself, for a whole run."""

_STANDING = {"abort": ("pause", "stop"), "stop": ("pause",), "pause": (), "resume": ("pause",)}
"""Sent to all workers, it also holds for later workers (except `resume`), and replaces the commands listed here."""

_PARENT = "main"
_PARALLEL = "parallel_"
"""Monty's parallel runner gives its workers such names; `main` then makes no steps of its own."""

_OLDEST_SECS = 30
_REMEMBERED = 1000
_LONGEST_BYTES = 10_000
_LONGEST_ID = 200

_Id = tuple[str, str, str]


class Decision(NamedTuple):
    """Decision says what to do about one command.

    Attributes:
        command: The command to pass on to `targets`, or `FORGET` to carry out; None if there is nothing to do.
        targets: Workers that must obey.
        results: Answers to publish.
    """

    command: schema.Command | None = None
    targets: tuple[Key, ...] = ()
    results: tuple[schema.CommandResult, ...] = ()


class _SavedState(msgspec.Struct):
    answers: list[tuple[_Id, dict[str, schema.CommandResult]]]
    standing: dict[str, dict[str, schema.Command]]


class CommandRules:
    """CommandRules holds the commands received so far, and those that hold for later workers.

    Args:
        lives: All workers, as `liveness` keeps them.
        others: The workers of other bridges, which answer for them.

    Attributes:
        changed: Whether `save` would return something else than last time.
    """

    def __init__(self, lives: Mapping[Key, Life], others: OtherBridges) -> None:
        self._lives = lives
        self._others = others
        self._answers: OrderedDict[_Id, dict[str, schema.CommandResult]] = OrderedDict()
        self._standing: OrderedDict[str, dict[str, schema.Command]] = OrderedDict()
        self.changed = False

    def save(self) -> bytes:
        """Return the state that is needed after a restart."""
        self.changed = False
        return msgspec.json.encode(_SavedState(list(self._answers.items()), dict(self._standing)))

    def load(self, saved: bytes) -> bool:
        """Load what `save` returned; return whether it could be read."""
        try:
            state = msgspec.json.decode(saved, type=_SavedState)
        except msgspec.MsgspecError:
            return False
        self._answers = OrderedDict(state.answers)
        self._standing = OrderedDict(state.standing)
        return True

    def decide(self, incoming: MqttMessage, now_unix_nanos: int) -> Decision:
        """Return what to do about a message on a command topic."""
        addressee = _addressee(incoming)
        command, reason = _read(incoming.payload)
        if not addressee or not incoming.payload or _is_self_test(command):
            return Decision()  # not for this bridge, or the removal of a retained command
        run, worker = addressee
        name = (run, worker, command.id if command else "")
        if name in self._answers:
            return Decision(results=tuple(self._answers[name].values()))
        if command is None:
            return self._answer(name, "refused", reason, now_unix_nanos)
        reason = _why_not(command, now_unix_nanos, retained=incoming.retain)
        if self._is_for_another(run, worker, command.command):
            if not reason and worker == topics.ALL_WORKERS:
                self._stand(run, command)
            return Decision()
        return self._judge(name, command, reason, now_unix_nanos)

    def standing(self, run: str) -> tuple[schema.Command, ...]:
        """Return the commands to all workers of a run that also hold for a worker that starts now."""
        return tuple(self._standing.get(run, {}).values())

    def forget(self, run: str) -> None:
        """Forget a cleared run: its standing commands, and the answers."""
        self._standing.pop(run, None)
        for name in [name for name in self._answers if name[0] == run]:
            del self._answers[name]
        self.changed = True

    def answered(self, result: schema.CommandResult) -> None:
        """Record a worker's answer to a command, to repeat it if the command is repeated."""
        for worker in (result.worker, topics.ALL_WORKERS):
            answers = self._answers.get((result.run, worker, result.id))
            if answers is not None:
                answers[result.worker] = result
                self.changed = True

    def _is_for_another(self, run: str, worker: str, word: str) -> bool:
        """Return whether another bridge answers, and no worker of this one is meant."""
        if word == FORGET:
            return False
        here = self._live_here(run)
        elsewhere = set(self._others.live(run)) - here
        return worker in elsewhere or (worker == topics.ALL_WORKERS and bool(elsewhere) and not here)

    def _live_here(self, run: str) -> set[str]:
        return {name for (of_run, name), life in self._lives.items() if of_run == run and life.live}

    def _judge(self, name: _Id, command: schema.Command, reason: str, now_unix_nanos: int) -> Decision:
        """Refuse a command for a worker of this bridge for a reason, or pass it on."""
        run, worker, _ = name
        why_not = self._why_not_forgotten if command.command == FORGET else self._why_not_there
        reason = reason or why_not(run, worker)
        if reason:
            return self._answer(name, "refused", reason, now_unix_nanos)
        return self._pass_on(name, command, now_unix_nanos)

    def _why_not_forgotten(self, run: str, worker: str) -> str:
        if worker != topics.ALL_WORKERS:
            return f"a run is forgotten as a whole: send it to {topics.ALL_WORKERS!r}"
        live = sorted(self._live_here(run).union(self._others.live(run)))
        return f"the run is not over: {', '.join(live[:10])}; abort it first" if live else ""

    def _why_not_there(self, run: str, worker: str) -> str:
        workers = sorted(name for of_run, name in self._lives if of_run == run)
        if not workers:
            return f"no run {run!r} is known here"
        if worker == topics.ALL_WORKERS:
            return ""
        life = self._lives.get((run, worker))
        if life is None:
            return f"run {run!r} has no worker {worker!r}; it has {', '.join(workers[:10])}"
        if worker == _PARENT and any(name.startswith(_PARALLEL) for name in workers):
            return f"worker {worker!r} only oversees the others: name one of them, or {topics.ALL_WORKERS!r}"
        return _why_not_now(worker, life)

    def _pass_on(self, name: _Id, command: schema.Command, now_unix_nanos: int) -> Decision:
        run, worker, _ = name
        self._remember(name)
        if command.command == FORGET:
            return Decision(command)
        if worker != topics.ALL_WORKERS:
            return Decision(command, ((run, worker),))
        self._stand(run, command)
        targets = tuple(key for key, life in self._lives.items() if key[0] == run and life.live)
        if targets:
            return Decision(command, targets)
        if command.command not in _STANDING:
            return self._answer(name, "refused", "no worker runs now", now_unix_nanos)
        later = "not paused" if command.command == "resume" else "told"
        return self._answer(name, "obeyed", f"no worker runs now; those that start later are {later}", now_unix_nanos)

    def _stand(self, run: str, command: schema.Command) -> None:
        if command.command not in _STANDING:
            return
        before = self._standing.pop(run, {})
        now = {word: standing for word, standing in before.items() if word not in _STANDING[command.command]}
        if command.command != "resume":
            now[command.command] = command
        if now:
            self._standing[run] = now
        while len(self._standing) > _REMEMBERED:
            self._standing.popitem(last=False)

    def _answer(self, name: _Id, status: str, detail: str, now_unix_nanos: int) -> Decision:
        run, worker, command_id = name
        life = self._lives.get((run, worker))
        result = schema.CommandResult(
            run=run,
            worker=worker,
            seq=life.highest_seq if life else 0,
            time_unix_nanos=now_unix_nanos,
            id=command_id,
            status=status,
            detail=detail,
        )
        if command_id:
            self._remember(name)
            self._answers[name][worker] = result
        return Decision(results=(result,))

    def _remember(self, name: _Id) -> None:
        self._answers.setdefault(name, {})
        self.changed = True
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)


def _addressee(incoming: MqttMessage) -> Key | None:
    """Return run and worker of a command's topic; None for any other topic."""
    try:
        parsed = topics.parse(incoming.topic)
    except DecodeError:
        return None
    return (parsed.run, parsed.worker) if parsed.kind == "command" else None


def _read(payload: bytes) -> tuple[schema.Command | None, str]:
    if len(payload) > _LONGEST_BYTES:
        return None, f"it has {len(payload)} bytes; a command has at most {_LONGEST_BYTES}"
    try:
        command = msgspec.json.decode(payload, type=schema.Command)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"it is no command: {error}"
    if len(command.id) > _LONGEST_ID:
        return None, f"its id has {len(command.id)} characters; at most {_LONGEST_ID} are allowed"
    return (command, "") if command.id else (None, "it has no id")


def _is_self_test(command: schema.Command | None) -> bool:
    return command is not None and command.command == SELF_TEST


def _why_not_now(worker: str, life: Life) -> str:
    if not life.live:
        return f"worker {worker!r} is {life.word}"
    return "" if life.gone_at is None else f"worker {worker!r} is not connected"


def _why_not(command: schema.Command, now_unix_nanos: int, *, retained: bool) -> str:
    if retained:
        return "it is retained, so nobody knows whether it is still meant"
    if command.command not in (*COMMANDS, FORGET):
        return f"{command.command[:_LONGEST_ID]!r} is not a command of this version; it knows: {', '.join(COMMANDS)}"
    if command.command == "step" and command.steps is not None and command.steps < 1:
        return f"steps is {command.steps}; it must be 1 or more"
    if command.issued_unix_nanos is not None:
        age_secs = (now_unix_nanos - command.issued_unix_nanos) / 1e9
        if age_secs > _OLDEST_SECS:
            return f"it is {age_secs:.0f} s old; at most {_OLDEST_SECS} s are allowed"
        if age_secs < -_OLDEST_SECS:
            return f"it was issued {-age_secs:.0f} s in the future: set the clocks right"
    return ""
