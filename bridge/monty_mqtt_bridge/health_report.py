"""This module publishes the health of the bridge and of each worker, once a second.

Called by `bridge` in each turn of its loop; has `rules.health` compute the values, and hands them to `publisher` as one
message, and to `outlet` as points.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from monty_mqtt.wire import topics
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.journal.feeder import Feeder
from monty_mqtt_bridge.pipeline import Pipeline
from monty_mqtt_bridge.publish.outlet import Outlet
from monty_mqtt_bridge.publish.publisher import Publisher
from monty_mqtt_bridge.rules import health
from monty_mqtt_bridge.rules.life import Life
from monty_mqtt_core.influx import points
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["HealthReport"]

_EVERY_SECS = 1.0


class HealthReport:
    """HealthReport reads the stages of the bridge, and changes none. It lives in one thread.

    Args:
        bridge_id: Name of the bridge.
        publisher: The way to the broker.
        outlet: Takes the points.
        pipeline: Knows the workers.
        feeder: Knows the rows that wait.
        counts: The bridge's counters.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        bridge_id: str,
        publisher: Publisher,
        outlet: Outlet,
        pipeline: Pipeline,
        feeder: Feeder,
        counts: BridgeCounters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bridge_id, self._counts = bridge_id, counts
        self._publisher, self._outlet, self._pipeline, self._feeder = publisher, outlet, pipeline, feeder
        self._started = self._due_at = clock()

    def tick(self, now: float) -> None:
        """Publish what is due."""
        if now < self._due_at:
            return
        self._due_at = now + _EVERY_SECS
        if self._publisher.online:
            self._publish_bridge(now)
            for life in self._pipeline.liveness.lives.values():
                self._publish_worker(life, now)

    def next_due(self) -> float:
        """Return when `tick` has something to do, monotonic seconds."""
        return self._due_at

    def _publish_bridge(self, now: float) -> None:
        counts, outlet, publisher = self._counts, self._outlet, self._publisher
        counts.images_dropped += outlet.encoder.take_dropped()
        counts.misfits = outlet.misfits.count
        values = health.snapshot(
            counts,
            time_unix_nanos=self._pipeline.stamp(),
            uptime_secs=round(now - self._started, 3),
            workers=sum(life.live for life in self._pipeline.liveness.lives.values()),
            queued=len(publisher.queue.waiting),
            in_flight=len(publisher.queue.in_flight),
            pending_bytes=publisher.queue.pending_bytes,
            images_waiting=outlet.encoder.waiting(),
            **self._feeder.health(),
            **self._pipeline.rates.since_last(counts, now),
        )
        payload = msgspec.json.encode({**values, **publisher.namesake.signature})
        publisher.put(Outgoing(topics.bridge_topic(self._bridge_id, "health"), payload, 1, False))  # noqa: FBT003
        line = points.bridge_health(self._bridge_id, values, values["time_unix_nanos"], outlet.misfits)
        outlet.put_lines(self._bridge_id, "", [line] if line else [])

    def _publish_worker(self, life: Life, now: float) -> None:
        """Publish the points of a worker that lives; also once when it is over: alerts and tables read only these."""
        state = (life.word, life.spooled)
        if not life.live and life.reported == state:
            return
        life.reported = state
        stamp, misfits = self._pipeline.stamp(), self._outlet.misfits
        experiment = self._outlet.experiments.get(life.key)
        line = points.run_health(*life.key, experiment, health.of_life(life, now, stamp), stamp, misfits)
        self._outlet.put_lines(*life.key, [line] if line else [])
