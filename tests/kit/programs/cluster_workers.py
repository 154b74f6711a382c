"""Workers of a run on one host, as a program: each worker is a process of its own, and publishes numbers evenly.

`python -m kit.programs.cluster_workers RUN FIRST COUNT NUMBERS PER_SEC WORD`: COUNT workers, `worker-<FIRST>` and so
on, publish the metric `number`, 0 to NUMBERS - 1, with WORD beside it, PER_SEC a second each. Bridges and keys are in
the environment. At SIGTERM they end, once a bridge has everything; the exit code is 1 if something was left or dropped.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from multiprocessing.synchronize import Event

from monty_mqtt import ZmqBroadcaster

FLUSH_SECS = 240
PUMP_SECS = 0.05
_fork = multiprocessing.get_context("fork")


def work(run: str, worker: str, numbers: int, per_sec: float, word: str, end: Event) -> None:
    with ZmqBroadcaster(run_id=run, worker=worker, strict=True) as broadcaster:
        began = time.monotonic()
        for number in range(numbers):
            broadcaster.publish_metric("number", number, word=word)
            time.sleep(max(0.0, began + (number + 1) / per_sec - time.monotonic()))
        while not end.wait(PUMP_SECS):
            broadcaster.pump()
        broadcaster.flush(FLUSH_SECS)
    counts = broadcaster.counts
    if counts.unacknowledged or counts.dropped:
        sys.exit(f"{worker}: {counts}")


def main(run: str, first: int, count: int, numbers: int, per_sec: float, word: str) -> int:
    """Run the workers; return the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end = _fork.Event()
    names = [f"worker-{number}" for number in range(first, first + count)]
    workers = [_fork.Process(target=work, args=(run, name, numbers, per_sec, word, end)) for name in names]
    for worker in workers:
        worker.start()
    signal.sigwait({signal.SIGTERM})
    end.set()
    for worker in workers:
        worker.join()
    return int(any(worker.exitcode for worker in workers))


if __name__ == "__main__":
    name, *numbers, rate, beside = sys.argv[1:]
    sys.exit(main(name, *map(int, numbers), float(rate), beside))
