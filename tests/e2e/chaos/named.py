"""A program under a name, as README has it: `python -m chaos.named PORT NAME COUNT [FLUSH_SECS]`."""

from __future__ import annotations

import sys

from chaos.program import say
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema

PAD = "x" * 2000


def main(port: int, name: str, count: int, flush_secs: float) -> None:
    broadcaster = ZmqBroadcaster(run=name, zmq_port=port, strict=True)
    broadcaster.publish(schema.Info, schema_version=schema.SCHEMA_VERSION, run_name=name)
    broadcaster.publish(schema.Status, status="running")
    say(run=broadcaster.run, published=broadcaster.counts.published, is_met=broadcaster.flush(20), over=False)
    sys.stdin.readline()
    for number in range(count):
        broadcaster.publish_metric("number", number, pad=PAD)
    broadcaster.publish(schema.Status, status="completed")
    broadcaster.close(flush_secs=flush_secs)
    counts = broadcaster.counts
    say(run=broadcaster.run, published=counts.published, waiting=counts.unacknowledged, is_met=True, over=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]) if len(sys.argv) > 4 else 20.0)
