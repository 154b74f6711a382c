"""Publishes from all kinds of threads, tasks and processes at once, as a program that any Python can run.

`python tests/kit/programs/publish_load.py PORT ROUNDS COUNT`: each round, 8 threads, 4 asyncio tasks, 4 spawned and 4
forked processes share one broadcaster and publish COUNT messages each, all started by one signal; the tasks with
`await`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading

from monty_mqtt import ZmqBroadcaster

THREADS, TASKS, SPAWNED, FORKED = 8, 4, 4, 4


def publish(b: ZmqBroadcaster, name: str, count: int, go: object) -> None:
    go.wait(60)  # type: ignore[attr-defined]
    for number in range(count):
        which = number % 4
        if which == 0:
            b.publish_metric(name, number, who=name)
        elif which == 1:
            b.publish_data(name, {"number": number})
        elif which == 2:
            b.publish_log("info", str(number), who=name)
        else:
            b.publish_state(**{name: number})


async def publish_awaiting(b: ZmqBroadcaster, name: str, count: int) -> None:
    for number in range(count):
        await b.publish_metric(name, number)
        await asyncio.sleep(0)


def run_tasks(b: ZmqBroadcaster, number: int, count: int, go: threading.Event) -> None:
    async def tasks() -> None:
        await asyncio.gather(*(publish_awaiting(b, f"task-{number}-{task}", count) for task in range(TASKS)))

    go.wait(60)
    asyncio.run(tasks())


def one_round(port: int, number: int, count: int) -> None:
    spawn, fork = multiprocessing.get_context("spawn"), multiprocessing.get_context("fork")
    with ZmqBroadcaster(run_id=f"load-{number}", zmq_port=port, strict=True) as b:
        go_threads = threading.Event()
        go_spawned, go_forked = spawn.Event(), fork.Event()
        workers = [spawn.Process(target=publish, args=(b, f"spawned-{i}", count, go_spawned)) for i in range(SPAWNED)]
        workers += [fork.Process(target=publish, args=(b, f"forked-{i}", count, go_forked)) for i in range(FORKED)]
        for worker in workers:
            worker.start()
        threads = [threading.Thread(target=publish, args=(b, f"thread-{i}", count, go_threads)) for i in range(THREADS)]
        threads.append(threading.Thread(target=run_tasks, args=(b, number, count, go_threads)))
        for thread in threads:
            thread.start()
        for go in (go_threads, go_spawned, go_forked):
            go.set()
        for one in (*threads, *workers):
            one.join(60)
        if any(worker.exitcode for worker in workers) or any(thread.is_alive() for thread in threads):
            raise SystemExit(f"round {number}: somebody failed: {[worker.exitcode for worker in workers]}")


if __name__ == "__main__":
    for round_number in range(int(sys.argv[2])):
        one_round(int(sys.argv[1]), round_number, int(sys.argv[3]))
