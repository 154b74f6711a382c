"""Workers one after another, each over as soon as it has begun: `python -m chaos.short_workers PORT RUN COUNT`."""

from __future__ import annotations

import sys

from chaos.program import say
from monty_mqtt import ZmqBroadcaster


def main(port: int, run: str, count: int) -> None:
    for number in range(count):
        with ZmqBroadcaster(run_id=run, worker=f"short_{number}", zmq_port=port, strict=True) as broadcaster:
            for step in range(5):
                broadcaster.publish_metric("number", step)
        say(ended=number + 1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
