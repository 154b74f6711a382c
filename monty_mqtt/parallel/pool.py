"""This module replaces the pool of Monty's parallel runner by one that can end early.

Used by `parent`, which puts `Spawning` in the place of `multiprocessing` in Monty's runner, in the parent only.

Monty's `Pool.map` hands out all work at once: after an abort of twenty episodes it starts process after process for
another minute, and each ends at once. And if a worker is killed, it waits for ever.
"""

from __future__ import annotations

import logging
import multiprocessing as mp
import os
import pickle
import signal
import threading
from collections import deque
from contextlib import suppress
from itertools import chain
from multiprocessing.pool import Pool
from multiprocessing.reduction import ForkingPickler
from queue import Empty, SimpleQueue
from typing import Any, Callable, Dict, List, Optional, Sequence

from monty_mqtt.end_signals import EndSignals, leave_on_signals
from monty_mqtt.errors import MontyMqttError
from monty_mqtt.monitor.worker_tally import WorkerTally

__all__ = ["EndablePool", "Spawning"]

_log = logging.getLogger(__name__)

_LOOK_SECS = 1.0
_END_SECS = 30.0
"""SLURM gives a job as long between SIGTERM and SIGKILL (its `KillWait`)."""

_BATCHES_A_PROCESS = 4
"""`Pool.map` divides its work so (Python 3.8 to 3.13); thus as many processes are started as with Monty's own pool."""


class Spawning:
    """Spawning replaces the module `multiprocessing`; every other attribute comes from that module.

    Args:
        tally: Says when nothing else may begin.
    """

    def __init__(self, tally: WorkerTally) -> None:
        self._tally = tally
        self._pools: List[EndablePool] = []

    def get_context(self, method: Optional[str] = None) -> _Context:
        """Return a context whose pools can end early."""
        return _Context(mp.get_context(method), self._tally, self._pools)

    def send_signal(self, number: int) -> None:
        """Send a signal to every living process of the pools; each ends its experiment in order."""
        for pool in self._pools:
            pool.send_signal(number)

    def __getattr__(self, name: str) -> Any:
        return getattr(mp, name)


class _Context:
    def __init__(self, context: Any, tally: WorkerTally, pools: List[EndablePool]) -> None:
        self._context = context
        self._tally = tally
        self._pools = pools

    def Pool(self, processes: int, *arguments: Any, **more: Any) -> EndablePool:  # noqa: N802 - multiprocessing's name
        pool = EndablePool(self._tally, processes, *arguments, context=self._context, **more)
        self._pools.append(pool)
        return pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class EndablePool(Pool):
    """EndablePool is a pool whose `map` hands out a batch only to a free process, and none once it must end.

    It expects a process for each batch, as Monty's does (`maxtasksperchild=1`).

    Args:
        tally: Says when nothing else may begin.
        processes: Number of processes at once.
        *arguments: As for `multiprocessing.Pool`.
        **more: As for `multiprocessing.Pool`.
    """

    def __init__(self, tally: WorkerTally, processes: int, *arguments: Any, **more: Any) -> None:
        self._tally = tally
        self._at_once = processes
        self._made: List[Any] = []
        vars(self)["Process"] = self._make  # replaces the method with which Pool makes its processes
        if not arguments:
            # A process that is ended while it waits for work must release the lock that the others wait for.
            more.setdefault("initializer", leave_on_signals)
        super().__init__(processes, *arguments, **more)

    def send_signal(self, number: int) -> None:
        """Send a signal to every living process."""
        for process in list(self._made):
            if process.exitcode is None and process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    def terminate(self) -> None:
        """End the processes as `Pool` does; kill those that have not after 30 s: it would wait for ever."""
        kill = threading.Timer(_END_SECS, self.send_signal, [signal.SIGKILL])
        kill.daemon = True
        kill.start()
        try:
            super().terminate()
        finally:
            kill.cancel()

    def map(self, func: Callable[[Any], Any], iterable: Any, chunksize: Optional[int] = None) -> List[Any]:
        """Return the results of all calls that were run, in order, when all are over.

        Experiments that did not begin, or whose process died, are removed from `iterable`, a list of experiments: Monty
        merges the results of all experiments in it, and fails if one has left none.

        Raises:
            Exception: The first exception of a call, as in `Pool.map`.
            MontyMqttError: Every experiment's process died.
        """
        size = chunksize or -(-len(iterable) // (_BATCHES_A_PROCESS * self._at_once)) or 1
        batches = [iterable[start : start + size] for start in range(0, len(iterable), size)]
        results = self._results(func, batches)
        _raise_first(results)
        returned = list(chain.from_iterable(results))
        if self._tally.lost and not returned:
            raise MontyMqttError("every experiment ended with its process: killed, or out of memory?")
        if len(returned) < len(iterable):
            iterable[:] = chain.from_iterable(batch[: len(result)] for batch, result in zip(batches, results))
        return returned

    def _results(self, func: Callable[[Any], Any], batches: Sequence[Any]) -> List[Any]:
        """Return for each batch the results of the calls that began, or an exception."""
        results: List[Any] = [[] for _ in batches]
        over: SimpleQueue[Any] = SimpleQueue()
        waiting = deque(enumerate(batches))
        under_way: Dict[int, Any] = {}
        while True:
            # The first batch is handed out in any case: merging needs at least one result.
            while waiting and len(under_way) < self._at_once and (waiting[0][0] == 0 or not self._tally.is_closed):
                number, batch = waiting.popleft()
                under_way[number] = batch
                # Pickled here, so that a process that begins too late need not import Monty to find that out.
                work = bytes(ForkingPickler.dumps((func, batch)))
                tell = _Tell(over, number)
                self.apply_async(_run, (work, self._tally.path, number), callback=tell, error_callback=tell)
            if not under_way:
                return results
            try:
                number, result = over.get(timeout=_LOOK_SECS)
            except Empty:
                self._give_up_lost(under_way)
            else:
                results[number] = result
                under_way.pop(number, None)

    def _give_up_lost(self, under_way: Dict[int, Any]) -> None:
        """Stop waiting for batches whose process was killed."""
        killed = {process.pid for process in self._made if process.exitcode not in (None, 0)}
        for number in [number for number in under_way if self._tally.process_of(number) in killed]:
            batch = under_way.pop(number)
            self._tally.lost += len(batch)
            _log.error("%d experiments ended with their process: killed, or out of memory?", len(batch))

    def _make(self, context: Any, *arguments: Any, **more: Any) -> Any:
        process = context.Process(*arguments, **more)
        self._made.append(process)
        return process


def _raise_first(results: Sequence[Any]) -> None:
    for result in results:
        if isinstance(result, BaseException):
            raise result


class _Tell:
    """_Tell puts the result of a batch into the queue."""

    def __init__(self, over: SimpleQueue[Any], batch: int) -> None:
        self._over = over
        self._batch = batch

    def __call__(self, result: Any) -> None:
        self._over.put((self._batch, result))


def _run(work: bytes, path: str, number: int) -> List[Any]:
    """Run a batch, in a worker's process; return the results of the calls that began."""
    tally = WorkerTally(path)
    tally.take(number)
    results: List[Any] = []
    if number and tally.is_closed:
        return results
    func, batch = pickle.loads(work)  # noqa: S301 - from our own parent, as everything in a pool
    for task in batch:
        if results and (tally.is_closed or EndSignals.received is not None):
            break
        results.append(func(task))
    return results
