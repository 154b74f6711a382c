"""Formats messages as lines for people. Pure.

Called by `monty-mqtt tail`; mosquitto_sub shows the JSON itself.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Callable, Dict, List, Optional, Type

from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import schema
from monty_mqtt.wire.object_names import believed
from monty_mqtt_core.reading.run_status import is_of_a_parent

__all__ = ["clock", "counted", "duration", "mode_in_words", "modes_in_words", "readable", "table"]

_LONGEST_VALUE = 100
_WIDEST_COLUMN = 80
_VERDICTS = {True: " right", False: " wrong", None: ""}


def readable(message: schema.Message) -> str:
    """Return a message as one line: time, worker, kind and content."""
    tell = _TELL.get(type(message), _tell_rest)
    kind = str(message.__struct_config__.tag).replace("_", " ")
    return one_line(f"{clock(message.time_unix_nanos)} {message.worker} {kind}: {tell(message)}")


def clock(unix_nanos: int) -> str:
    """Return the local time of day (`unix_nanos` is ns since 1970); dashes if no calendar has such a time."""
    try:
        return datetime.fromtimestamp(unix_nanos / 1e9).astimezone().strftime("%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "--:--:--"


def duration(secs: float) -> str:
    """Return a duration in suitable units: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if secs < 10:  # noqa: PLR2004 - tenths matter below
        return f"{secs:.1f} s"
    minutes, rest = divmod(round(secs), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(counts: Dict[str, int]) -> str:
    """Return counts with their names: `7 correct, 2 time_out`."""
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none yet"


def modes_in_words(modes: Dict[str, schema.ModeProgress]) -> str:
    """Return how the episodes of each mode ended: `eval: 7 correct; train: 2 no_match`."""
    return "; ".join(f"{name}: {mode_in_words(mode)}" for name, mode in modes.items()) or "none yet"


def mode_in_words(mode: schema.ModeProgress) -> str:
    """Return how the episodes of a mode ended, and how many had no outcome, as in supervised learning."""
    without = mode.episodes_done - sum(mode.outcomes.values())
    return counted({**mode.outcomes, "without an outcome": without} if without > 0 else mode.outcomes)


def _info(message: schema.Info) -> str:
    name = message.experiment or message.run_name or message.run
    if not message.experiment_class:  # published by a user's program, without Monty
        return f"{name}, on {message.host}"
    if is_of_a_parent(message):
        return f"{name}, {sum(message.episodes_expected.values())} episodes in parallel, on {message.host}"
    modules = f"{len(message.learning_modules)} learning, {len(message.sensor_modules)} sensor modules"
    class_name = message.experiment_class.rpartition(".")[2]
    return f"{name} ({class_name}), {modules}, on {message.host}"


def _status(message: schema.Status) -> str:
    why = message.error_message or message.reason
    error = f"{message.error_type}: " if message.error_type else ""
    spooled = f", {message.spooled:,} messages are still with the experiment" if message.spooled else ""
    return f"{message.status}{' (stalled)' if message.stalled else ''}{f', {error}{why}' if why else ''}{spooled}"


def _progress(message: schema.Progress) -> str:
    of = f" of {message.episodes_expected}" if message.episodes_expected is not None else ""
    done = f"{message.episodes_done}{of} episodes done"
    return f"{message.mode}, {done}, step {message.step}; {modes_in_words(message.modes)}"


def _episode_started(message: schema.EpisodeStarted) -> str:
    target = f", target {message.target.object}" if message.target else ""
    return f"{message.mode} {message.episode}{target}"


def _episode_ended(message: schema.EpisodeEnded) -> str:
    return f"{message.mode} {message.episode}, {message.outcome or 'no outcome'}, {message.steps} steps"


def _step(message: schema.Step) -> str:
    beliefs = (_belief(name, module) for name, module in message.learning_modules.items())
    return f"{message.mode} {message.episode}.{message.step}  {'  '.join(filter(None, beliefs))}"


def _belief(name: str, module: schema.LearningModuleStep) -> Optional[str]:
    likely = module.most_likely
    if likely is None:
        return None
    evidence = "" if likely.evidence is None else f" {likely.evidence:.2f}"
    margin = "" if module.margin is None else f" ({module.margin:+.2f})"
    return f"{name} {believed(module)}{evidence}{margin}{_VERDICTS[module.is_correct]}"


def _metric(message: schema.Metric) -> str:
    return f"{message.name} = {message.not_finite or message.value}{_extra(message.metadata)}"


def _data(message: schema.Data) -> str:
    return f"{message.stream} {_json(message.data)}"


def _histogram(message: schema.Histogram) -> str:
    return f"{message.name}, {sum(message.counts):,g} values in {len(message.counts)} bins{_extra(message.metadata)}"


def _table(message: schema.Table) -> str:
    size = f"{len(message.rows)} rows of {', '.join(message.columns)}"
    return f"{message.name}, {size[:_LONGEST_VALUE]}{_extra(message.metadata)}"


def _state(message: schema.State) -> str:
    return _json(message.state)


def _log(message: schema.Log) -> str:
    origin = f"{message.logger}: " if message.logger else ""
    return f"{message.level} {origin}{message.message}{_extra(message.metadata)}"


def _event(message: schema.Event) -> str:
    return f"{message.event}{_extra(message.fields)}"


def _machine(message: schema.Machine) -> str:
    process, host = message.process, message.host
    parts = [
        (process.cpu_percent, "cpu {:.0f} %", 1),
        (process.memory_bytes, "memory {:,.0f} MiB", 1 << 20),
        (process.threads, "{:.0f} threads", 1),
        (host.gpu_percent, "GPU {:.0f} %", 1),
        (process.gpu_memory_bytes, "GPU memory {:,.0f} MiB", 1 << 20),
        (host.load, "load {:.1f}", 1),
        (host.disk_free_bytes, "disk {:,.1f} GiB free", 1 << 30),
    ]
    return ", ".join(words.format(value / unit) for value, words, unit in parts if value is not None)


def _command_result(message: schema.CommandResult) -> str:
    return f"{message.status}{f', {message.detail}' if message.detail else ''}"


def _end(message: schema.End) -> str:
    too_large = f", {message.too_large} too large" if message.too_large else ""
    return f"{message.status}, {message.seq + 1} messages, {message.dropped + message.bulk_dropped} dropped{too_large}"


def _tell_rest(message: schema.Message) -> str:
    return f"seq {message.seq}"


def _extra(values: Dict[str, object]) -> str:
    return f" {_json(values)}" if values else ""


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


_Tell = Callable[..., str]
_TELL: Dict[Type[schema.Message], _Tell] = {
    schema.Info: _info,
    schema.Status: _status,
    schema.Progress: _progress,
    schema.EpisodeStarted: _episode_started,
    schema.EpisodeEnded: _episode_ended,
    schema.Step: _step,
    schema.Metric: _metric,
    schema.Data: _data,
    schema.Histogram: _histogram,
    schema.Table: _table,
    schema.State: _state,
    schema.Log: _log,
    schema.Event: _event,
    schema.Machine: _machine,
    schema.CommandResult: _command_result,
    schema.End: _end,
}


def table(rows: List[List[str]]) -> List[str]:
    """Return rows as lines with aligned columns; a very long cell shifts only its own row."""
    widths = [
        max((len(cell) for cell in column if len(cell) <= _WIDEST_COLUMN), default=0)
        for column in zip(*rows, strict=True)
    ]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
