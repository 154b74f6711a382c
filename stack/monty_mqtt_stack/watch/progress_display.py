"""Shows progress in the terminal while an experiment runs: a live table, or plain lines if stdout is not a terminal.

Called by `watched_experiment` with the workers of `run_status`. It is the only user of rich.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import List, Optional, Protocol, Self, Tuple, Type

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monty_mqtt.terminal_text import abandon_stdout, one_line
from monty_mqtt.wire import schema
from monty_mqtt.wire.object_names import believed
from monty_mqtt_core.reading.run_status import WorkerStatus, speaking
from monty_mqtt_stack.watch.message_lines import clock, duration, modes_in_words

__all__ = ["Display", "LiveDisplay", "PlainDisplay", "describe", "make_display", "overview"]

_PLAIN_EVERY_SECS = 5.0
_LIVE_EVERY_SECS = 0.25
_MOST_WORKERS = 12
_NAMES_WIDTH = len("estimated end")
"""Keeps the second column in its place while rows come and go."""


class Display(Protocol):
    """Shows permanent lines, and the present state of workers."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """End the display; permanent lines stay."""

    def say(self, line: str) -> None:
        """Show a permanent line."""

    def update(self, title: str, workers: List[WorkerStatus]) -> None:
        """Show how far the workers are; may be called at any rate, and redraws only as often as is useful."""


def make_display() -> Display:
    """Return a live table if stdout is a terminal, else plain lines."""
    return LiveDisplay() if sys.stdout is not None and sys.stdout.isatty() else PlainDisplay()


def overview(workers: List[WorkerStatus]) -> List[Tuple[str, str]]:
    """Return rows of name and value: in full for each worker; of a parallel run the whole, and a row per worker."""
    parents = [worker for worker in workers if worker.is_parent]
    if parents:
        return describe(parents[0]) + _each_in_short([worker for worker in workers if worker not in parents])
    rows = []
    for worker in workers:
        rows += [("worker", worker.worker)] if len(workers) > 1 else []
        rows += describe(worker)
    return rows or [("phase", "starting")]


def describe(worker: WorkerStatus) -> List[Tuple[str, str]]:
    """Return rows of name and value about one worker: phase, episode, steps, outcomes, estimated end."""
    rows = [("phase", _phase(worker)), ("episode", _episode(worker))]
    if worker.step:
        rows.append(("steps", _steps(worker.step, worker.started)))
    likely = _most_likely(worker)
    if likely:
        rows.append(("most likely", likely))
    rows.append(("outcomes", modes_in_words(worker.modes)))
    end = worker.progress and worker.progress.estimated_end_unix_nanos
    if end and worker.is_live and worker.word != "paused":
        rows.append(("estimated end", _estimated_end(end)))
    return rows


def _steps(step: schema.Step, started: Optional[schema.EpisodeStarted]) -> str:
    # Between two episodes the latest step still belongs to the previous episode.
    is_of_episode = started is None or step.seq > started.seq
    return f"{step.step + 1 if is_of_episode else 0} of this episode, {step.total_step + 1} in all"


def _estimated_end(unix_nanos: int) -> str:
    left_secs = unix_nanos / 1e9 - time.time()
    return f"{clock(unix_nanos)} (in {duration(left_secs)})" if left_secs >= 1 else "any moment"


def _phase(worker: WorkerStatus) -> str:
    latest = worker.step or worker.progress or worker.started
    words = {"train": "learning (train)", "eval": "recognising (eval)"}
    return f"{words.get(latest.mode if latest else '', 'starting')}, {_state(worker)}"


def _state(worker: WorkerStatus) -> str:
    """Return the status word, and its reason: `paused, look`; `running, stops after this episode`."""
    status = worker.status
    if status is None:
        return worker.word
    return ", ".join(filter(None, [worker.word, "stalled" if status.stalled else "", status.reason]))


def _each_in_short(workers: List[WorkerStatus]) -> List[Tuple[str, str]]:
    rows = [(worker.worker, _in_short(worker)) for worker in workers[:_MOST_WORKERS]]
    more = len(workers) - len(rows)
    return [*rows, ("…", f"and {more} more workers")] if more else rows


def _in_short(worker: WorkerStatus) -> str:
    parts = [_state(worker)]
    if worker.step:
        parts.append(f"step {worker.step.step + 1}")
    if worker.started and worker.started.target:
        parts.append(f"target {worker.started.target.object}")
    likely = _most_likely(worker)
    return ", ".join([*parts, f"most likely {likely}"] if likely else parts)


def _episode(worker: WorkerStatus) -> str:
    expected = worker.progress.episodes_expected if worker.progress else None
    if expected is None and worker.info and worker.info.episodes_expected:
        expected = sum(worker.info.episodes_expected.values())
    of = f" of {expected}" if expected is not None else ""
    target = worker.started.target if worker.started else None
    shown = f", target {target.object}" if target and worker.is_live else ""
    return f"{worker.episodes_done}{of} done{shown}"


def _most_likely(worker: WorkerStatus) -> Optional[str]:
    if worker.step is None:
        return None
    modules = len(worker.step.learning_modules)
    beliefs = [believed(module) for module in worker.step.learning_modules.values()]
    names = Counter(name for name in beliefs if name is not None).most_common()
    if modules == 1:
        return "".join(name for name, _ in names) or None
    return ", ".join(f"{name} ({count} of {modules} learning modules)" for name, count in names) or None


class PlainDisplay:
    """Prints plain lines: one every few seconds for each worker that has progressed."""

    def __init__(self, every_secs: float = _PLAIN_EVERY_SECS) -> None:
        self._every_secs = every_secs
        self._next = 0.0
        self._shown: List[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """Do nothing: there is nothing to restore."""

    def say(self, line: str) -> None:
        """Print a line. If stdout was closed, print no more: `run | head` must not end the experiment."""
        try:
            print(one_line(line), flush=True)  # noqa: T201 - the terminal is its purpose
        except OSError:
            abandon_stdout()

    def update(self, title: str, workers: List[WorkerStatus]) -> None:
        """Print a line for each worker, at most once in `every_secs`, and only if something has changed."""
        if time.monotonic() < self._next:
            return
        # For a parallel run the parent's line is enough: its workers may be many.
        shown = speaking(workers)
        lines = [f"{title} {worker.worker}: " + ", ".join(f"{k} {v}" for k, v in describe(worker)) for worker in shown]
        if lines and lines != self._shown:
            for line in lines:
                self.say(line)
            self._shown = lines
            self._next = time.monotonic() + self._every_secs


class LiveDisplay:
    """Shows a table that is redrawn in place; permanent lines are printed above it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._next = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._live.update("", refresh=True)
        self._live.stop()

    def say(self, line: str) -> None:
        """Print a line above the table."""
        self._console.print(Text(one_line(line)), soft_wrap=True)

    def update(self, title: str, workers: List[WorkerStatus]) -> None:
        """Redraw the table, at most a few times a second."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LIVE_EVERY_SECS
        table = Table(title=Text(title), title_justify="left", box=None, show_header=False)
        table.add_column(min_width=_NAMES_WIDTH)
        for name, value in overview(workers):
            table.add_row(Text(one_line(name), style="" if name == "worker" else "bold"), Text(one_line(value)))
        self._live.update(table, refresh=True)
