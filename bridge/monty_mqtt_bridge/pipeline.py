"""This module processes each message between the journal and MQTT.

Called by `feeder` with rows; has `outlet` publish them, and derives from them which workers live. Commands from the
broker pass through here on their way back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.counters import Counts
from monty_mqtt_bridge.journal.feeder import Feeder, Receipt
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.journal.rows import HELLO, Row
from monty_mqtt_bridge.publish.outlet import Outlet
from monty_mqtt_bridge.rate_limited_log import Complaints
from monty_mqtt_bridge.recall import Recall
from monty_mqtt_bridge.receive.senders import Key, Worker, label
from monty_mqtt_bridge.rules import health
from monty_mqtt_bridge.rules.command_rules import FORGET, Commands
from monty_mqtt_bridge.rules.forgetting import Cleared, Clearing
from monty_mqtt_bridge.rules.liveness import Life, Liveness
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_bridge.spools.left_behind import LeftBehind
from monty_mqtt_core.influx import points
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

if TYPE_CHECKING:
    from monty_mqtt_bridge.publish.publisher import Publisher
    from monty_mqtt_bridge.receive.router import Receiver

__all__ = ["Pipeline"]

logger = logging.getLogger(__name__)

_HEALTH_SECS = 1.0
_COMMANDS = "commands"
_SIGNS_OF_LIFE = (schema.Step, schema.EpisodeStarted, schema.Status, schema.End)


class Pipeline:
    """Pipeline is the middle of the bridge. It lives in one thread; `bridge` sets `publisher`, `receiver`, `feeder`.

    Args:
        config: Settings of the bridge.
        counts: The bridge's counters.
        journal: Stores the messages, and the state from before this process.
        wake: Interrupts the loop's poll; may be called from any thread.
        clock: Monotonic seconds.
        wall: Returns nanoseconds since 1970-01-01 UTC.
    """

    publisher: Publisher
    receiver: Receiver
    feeder: Feeder

    def __init__(
        self,
        config: BridgeConfig,
        counts: Counts,
        journal: Journal,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.journal = journal
        self.outlet = Outlet(config, counts, journal, wake, clock)
        self._config, self._counts, self._clock, self._wall = config, counts, clock, wall
        self._last_stamp = 0
        self._started = self._health_at = now = clock()
        self._rates = health.Rates(now)
        self._complaints = Complaints(logger, clock)
        self._liveness = Liveness(now)
        self._commands = Commands(self._liveness.lives)
        self._clearing = Clearing(config.bridge_id, config.keep_retained_days, clock, wall)
        self._recall = Recall(journal, self.outlet, self._liveness, config.bridge_id)
        self._commands.load(journal.kept(_COMMANDS))
        journal.renewed = self._keep_again
        self._recall.unfinished(wall())
        self.left_behind = LeftBehind(config.spool)

    # Target of the feeder

    def has_room(self) -> bool:
        """Return whether the broker keeps up."""
        return self.outlet.has_room()

    def has_room_for_bulk(self) -> bool:
        """Return whether a waiting frame would be published, and not be replaced by the next one."""
        return self.outlet.has_room_for_bulk()

    def is_online(self) -> bool:
        """Return whether the broker is connected."""
        return self.publisher.online

    def feed(self, row: Row, receipt: Receipt, *, again: bool) -> None:
        """Publish a row of the journal; `again`: it was published before, and no status is derived from it."""
        worker, message = row.worker, row.message
        self._recall.of(worker)
        if message is not None:
            self.outlet.publish(row, message, receipt, again=again)
        if isinstance(message, schema.CommandResult):
            self._commands.answered(message)
        if again and isinstance(message, (schema.Status, schema.End)):
            self.outlet.put_again(worker.key)  # the last status may be the bridge's own, which is in no row
        if not again and (not row.restored or self._is_end_of_a_life(worker, message)):
            self._derive(row, worker, message)

    def _is_end_of_a_life(self, worker: Worker, message: schema.Message | None) -> bool:
        """Return whether this restored message ends a life that counts as living, or as gone without an end."""
        life = self._liveness.lives.get(worker.key)
        return life is not None and life.worker is worker and isinstance(message, schema.End)

    def _derive(self, row: Row, worker: Worker, message: schema.Message | None) -> None:
        self._rates.fed(message, self._wall())
        said: list[schema.Status] = []
        if row.kind == HELLO:
            self.outlet.retained.forget_before(worker.key, worker.started_unix_nanos)
            said = self._liveness.joined(worker, self._stamp())
        elif isinstance(message, _SIGNS_OF_LIFE):
            said = self._liveness.heard(message, self._clock(), self._stamp())
        for status in said:
            self.outlet.say(status)

    def joined(self, worker: Worker, *, begins: bool) -> None:
        """Greet a worker that has connected, for the first time or again."""
        if worker.restoring:
            return
        if not begins:
            self._recall.of(worker)
            for status in self._liveness.returned(worker, self._stamp()):
                self.outlet.say(status)
        for standing in self._commands.standing(worker.key[0]):
            self.receiver.say(worker, standing)

    def left(self, worker: Worker) -> None:
        """Note that a worker's connection is gone."""
        self._liveness.left(worker, self._clock())

    # Owner of the publisher

    def heard(self, incoming: MqttMessage) -> None:
        """Take a command, or a retained message."""
        if self._clearing.heard(incoming):
            return
        if incoming.topic.endswith("/command"):
            self._command(incoming)
        elif incoming.retain and not self.publisher.ready:
            self._recall.retained(incoming)

    def connected(self) -> None:
        """Publish the retained messages of living workers again, because the broker may have forgotten everything."""
        for life in self._liveness.lives.values():
            if life.live:
                self.outlet.put_again(life.key)
        self.feeder.rewind()

    # The loop's turns

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.outlet.tick(now)
        for cleared in self._clearing.turn(self.publisher, self._liveness.is_live, self.journal.is_busy):
            self._cleared(cleared)
        if now >= self._health_at:
            self._health_at = now + _HEALTH_SECS
            self._each_second(now)

    def next_due(self) -> float:
        """Return when `tick` has something to do, monotonic seconds."""
        return min(self._health_at, self.outlet.next_due())

    def _each_second(self, now: float) -> None:
        self.publisher.keep_alive()
        self._keep_commands()
        self.journal.tidy()
        online = self.publisher.online
        if not online or self.receiver.intake.full:  # no message can come through
            self._liveness.excuse(now)
        if not online:
            return
        recalled = self._recall.recalled
        recalled.update(self._liveness.forget(now))
        self._forget(recalled - self._liveness.lives.keys())
        for key, spooled in self.left_behind.look(self._liveness.gone()).items():
            for status in self._liveness.left_behind(key, spooled, self._stamp()):
                self.outlet.say(status)
        for status in self._liveness.tick(now, self._stamp(), self.journal.fed):
            who = label(status.run, status.worker)
            logger.warning("%s: %s%s", who, status.status, " (stalled)" * status.stalled)
            self.outlet.say(status)
        self._publish_health(now)

    def _publish_health(self, now: float) -> None:
        self._counts.images_dropped += self.outlet.encoder.take_dropped()
        self._counts.misfits = self.outlet.misfits.count
        values = health.snapshot(
            self._counts,
            time_unix_nanos=self._stamp(),
            uptime_secs=round(now - self._started, 3),
            workers=sum(life.live for life in self._liveness.lives.values()),
            queued=self.publisher.queued,
            in_flight=self.publisher.in_flight,
            pending_bytes=self.publisher.pending_bytes,
            images_waiting=self.outlet.encoder.waiting(),
            **self.feeder.health(),
            **self._rates.since_last(self._counts, now),
        )
        topic = topics.bridge_topic(self._config.bridge_id, "health")
        said = {**values, **self.publisher.namesake.signature}
        self.publisher.put(Outgoing(topic, msgspec.json.encode(said), 1, False))  # noqa: FBT003
        line = points.bridge_health(self._config.bridge_id, values, values["time_unix_nanos"], self.outlet.misfits)
        self.outlet.put_lines(self._config.bridge_id, [line] if line else [])
        for life in self._liveness.lives.values():
            state = (life.word, life.spooled)
            if life.live or life.reported != state:  # also once when the life is over: alerts and tables read only this
                life.reported = state
                line = self._run_health(life, now)
                self.outlet.put_lines(life.key[0], [line] if line else [])

    def _run_health(self, life: Life, now: float) -> str | None:
        stamp, experiment = self._stamp(), self.outlet.experiments.get(life.key)
        return points.run_health(*life.key, experiment, health.of_life(life, now, stamp), stamp, self.outlet.misfits)

    def _forget(self, keys: set[Key]) -> None:
        """Remove workers that are over from memory, except those whose messages are still on the way."""
        workers = [one for one in self.journal.workers.by_id.values() if one.key in keys]
        busy = {one.key for one in workers if one.route or one.last_row > self.journal.fed}
        for worker in workers:
            if worker.key not in busy:
                self.journal.workers.forget(worker)
        for key in keys - busy:
            self._recall.recalled.discard(key)
            self.outlet.forget(key)

    def _cleared(self, cleared: Cleared) -> None:
        """Remove a run that was cleared at the broker, and answer the command."""
        if not cleared.refusal and not self.journal.forget(cleared.run):
            cleared = cleared._replace(refusal="the journal cannot be written")
        if not cleared.refusal:
            self._forget(set(self._liveness.forget_run(cleared.run)))
            self._commands.forget(cleared.run)
            logger.info("run %r: cleared %d retained topics", cleared.run[:100], cleared.topics)
        if cleared.command_id:
            result = cleared.answer(self._stamp())
            self._commands.answered(result)
            self.outlet.answer(result)

    def _command(self, incoming: MqttMessage) -> None:
        decision = self._commands.decide(incoming, self._wall())
        self._keep_commands()
        self.journal.commit()  # before a worker obeys: after a restart the command must not be passed on a second time
        if decision.command is not None and decision.command.command == FORGET:
            self._clearing.ask(topics.parse(incoming.topic).run, decision.command.id)
        for key in decision.targets:
            worker = self.journal.workers.newest.get(key)
            if worker is not None and decision.command is not None:
                self.receiver.say(worker, decision.command)
        if incoming.retain:  # otherwise it would come again after each reconnect
            self.publisher.put(Outgoing(incoming.topic, b"", 1, True))  # noqa: FBT003
        for result in decision.results:
            if result.status == "refused":
                self._counts.refused += 1
                self._complaints.say("command", "refused a command on %s: %s", incoming.topic[:200], result.detail)
            self.outlet.answer(result)

    def _keep_again(self) -> None:
        """Write the state in memory into a journal that was begun anew."""
        self._commands.changed = True
        self.outlet.keep_again()

    def _keep_commands(self) -> None:
        if self._commands.changed:
            self.journal.keep(_COMMANDS, self._commands.save())

    def _stamp(self) -> int:
        """Return the wall clock's time, later than the last one."""
        self._last_stamp = max(self._wall(), self._last_stamp + 1)
        return self._last_stamp
