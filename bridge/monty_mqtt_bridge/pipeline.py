"""This module processes each message between the journal and MQTT.

Called by `feeder` with rows; has `outlet` publish them, and derives from them which workers live. Commands from the
broker pass through here on their way back to `router`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.journal.rows import HELLO, JournalRow
from monty_mqtt_bridge.publish.outlet import Outlet
from monty_mqtt_bridge.publish.publisher import Publisher
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.recall import Recall
from monty_mqtt_bridge.receive.sender import Key, Sender, label
from monty_mqtt_bridge.rules.command_rules import FORGET, CommandRules
from monty_mqtt_bridge.rules.forgetting import ClearedRun, Forgetting
from monty_mqtt_bridge.rules.health import Rates
from monty_mqtt_bridge.rules.liveness import Liveness
from monty_mqtt_bridge.rules.other_bridges import OtherBridges, status_in
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_bridge.spools.left_behind import LeftBehind
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["Pipeline"]

logger = logging.getLogger(__name__)

_EVERY_SECS = 1.0
_COMMANDS = "commands"
_SIGNS_OF_LIFE = (schema.Step, schema.EpisodeStarted, schema.Status, schema.End)


class Pipeline:
    """Pipeline is the middle of the bridge. It lives in one thread.

    Args:
        config: Settings of the bridge.
        publisher: The way to the broker.
        outlet: Publishes messages in all their forms.
        counts: The bridge's counters.
        journal: Stores the messages, and the state from before this process.
        clock: Monotonic seconds.
        wall: Returns nanoseconds since 1970-01-01 UTC.

    Attributes:
        liveness: Holds which workers live.
        rates: Measures how late messages are.
    """

    def __init__(
        self,
        config: BridgeConfig,
        publisher: Publisher,
        outlet: Outlet,
        counts: BridgeCounters,
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._publisher, self._outlet, self._journal = publisher, outlet, journal
        self._counts, self._clock, self._wall = counts, clock, wall
        self._last_stamp = 0
        self._due_at = now = clock()
        self.rates = Rates(now)
        self.liveness = Liveness(now)
        self._log = RateLimitedLog(logger, clock)
        self._others = OtherBridges(config.bridge_id)
        self._commands = CommandRules(self.liveness.lives, self._others)
        self._forgetting = Forgetting(config.bridge_id, config.keep_retained_days, clock, wall)
        self._recall = Recall(journal, self._outlet, self.liveness, config.bridge_id)
        self._commands.load(journal.kept(_COMMANDS))
        journal.renewed = self._keep_again
        self._recall.unfinished(wall())
        self._left_behind = LeftBehind(config.spool)

    def close(self) -> None:
        """Stop what works beside the loop. May be called twice."""
        self._left_behind.close()

    # Target of the feeder

    def feed(self, row: JournalRow, receipt: RowReceipt, *, again: bool) -> None:
        """Publish a row of the journal; `again`: it was published before, and no status is derived from it."""
        sender, message = row.sender, row.message
        self._recall.of(sender)
        if message is not None:
            self._outlet.publish(row, message, receipt, again=again)
        if isinstance(message, schema.CommandResult):
            self._commands.answered(message)
        if again and isinstance(message, (schema.Status, schema.End)):
            self._outlet.put_again(sender.key)  # the last status may be the bridge's own, which is in no row
        if not again and (not row.restored or self._is_end_of_a_life(sender, message)):
            self._derive(row, sender, message)

    def _is_end_of_a_life(self, sender: Sender, message: schema.Message | None) -> bool:
        """Return whether this restored message ends a life that counts as living, or as gone without an end."""
        life = self.liveness.lives.get(sender.key)
        return life is not None and life.sender is sender and isinstance(message, schema.End)

    def _derive(self, row: JournalRow, sender: Sender, message: schema.Message | None) -> None:
        self.rates.fed(message, self._wall())
        statuses: list[schema.Status] = []
        if row.kind == HELLO:
            self._outlet.retained.forget_before(sender.key, sender.started_unix_nanos)
            statuses = self.liveness.joined(sender, self.stamp()) or self._taken_over(sender)
        elif isinstance(message, _SIGNS_OF_LIFE):
            statuses = self.liveness.heard(message, self._clock(), self.stamp())
        for status in statuses:
            self._outlet.say(status)

    def joined(self, sender: Sender, *, begins: bool) -> Sequence[schema.Command]:
        """Greet a worker that has connected, for the first time or again; return the commands that hold for it."""
        if sender.restoring:
            return ()
        if not begins:
            self._recall.of(sender)
            for status in self.liveness.returned(sender, self.stamp()) or self._taken_over(sender):
                self._outlet.say(status)
        return self._commands.standing(sender.key[0])

    def _taken_over(self, sender: Sender) -> list[schema.Status]:
        """Return the status to publish of a worker that another bridge had until now."""
        sender.is_moved = False
        before = self._others.take_over(sender.key)
        if before is not None:
            self._outlet.learn(before)
        elif not (sender.elsewhere and self.liveness.is_new(sender.key)):
            return []
        return self.liveness.taken_over(sender, before, self.stamp())

    def _hear_another(self, status: schema.Status) -> None:
        """Leave a worker to the bridge that has published its status; or say that this one has it, if it has."""
        if (status.run, status.worker) in self.liveness.lives:
            self._outlet.learn(status)
        sender = self.liveness.give_away(status)
        if sender is not None:
            sender.is_moved = True
            self._outlet.give_away(sender.key)
            return
        for own in self.liveness.claim(status, self.stamp()):
            self._others.take_over((own.run, own.worker))
            self._outlet.say(own)

    def left(self, sender: Sender) -> None:
        """Note that a worker's connection is gone."""
        self.liveness.left(sender, self._clock())

    # What the publisher reports

    def heard(self, incoming: MqttMessage) -> list[tuple[Sender, schema.Command]]:
        """Take a command, or a retained message; return what is to be passed on to which worker."""
        if self._forgetting.heard(incoming):
            return []
        if incoming.topic.endswith("/command"):
            return self._command(incoming)
        status = status_in(incoming)
        if status is not None and self._others.hear(status):
            self._hear_another(status)
        elif incoming.topic.startswith(topics.BRIDGE_PREFIX):
            self._others.hear_bridge(incoming)
        if incoming.retain and not self._publisher.ready:
            self._recall.retained(incoming)
        return []

    def connected(self) -> None:
        """Publish the retained messages of living workers again, because the broker may have forgotten everything."""
        for life in self.liveness.lives.values():
            if life.live:
                self._outlet.put_again(life.key)

    # The loop's turns

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._outlet.tick(now)
        for cleared in self._forgetting.turn(self._publisher, self.liveness.is_live, self._journal.is_busy):
            self._cleared(cleared)
        if now >= self._due_at:
            self._due_at = now + _EVERY_SECS
            self._each_second(now)

    def next_due(self) -> float:
        """Return when `tick` has something to do, monotonic seconds."""
        return min(self._due_at, self._outlet.next_due())

    def _each_second(self, now: float) -> None:
        self._publisher.keep_alive()
        self._keep_commands()
        self._journal.tidy()
        online = self._publisher.online
        if not online or self._journal.lacking:  # no message can come through
            self.liveness.excuse(now)
        if not online:
            return
        recalled = self._recall.recalled
        recalled.update(self.liveness.forget(now))
        self._forget(recalled - self.liveness.lives.keys())
        for key, spooled in self._left_behind.look(self.liveness.gone()).items():
            for status in self.liveness.left_behind(key, spooled, self.stamp()):
                self._outlet.say(status)
        for status in self.liveness.tick(now, self.stamp(), self._journal.fed):
            who = label(status.run, status.worker)
            logger.warning("%s: %s%s", who, status.status, " (stalled)" * status.stalled)
            self._outlet.say(status)

    def _forget(self, keys: set[Key]) -> None:
        """Remove workers that are over from memory, except those whose messages are still on the way."""
        senders = [sender for sender in self._journal.senders.by_id.values() if sender.key in keys]
        busy = {sender.key for sender in senders if sender.route or sender.last_row > self._journal.fed}
        for sender in senders:
            if sender.key not in busy:
                self._journal.senders.forget(sender)
        for key in keys - busy:
            self._recall.recalled.discard(key)
            self._outlet.forget(key)

    def _cleared(self, cleared: ClearedRun) -> None:
        """Remove a run that was cleared at the broker, and answer the command."""
        if not cleared.refusal and not self._journal.forget(cleared.run):
            cleared = cleared._replace(refusal="the journal cannot be written")
        if not cleared.refusal:
            self._forget(set(self.liveness.forget_run(cleared.run)))
            self._commands.forget(cleared.run)
            logger.info("run %r: cleared %d retained topics", cleared.run[:100], cleared.topics)
        if cleared.command_id:
            result = cleared.answer(self.stamp())
            self._commands.answered(result)
            self._outlet.answer(result)

    def _command(self, incoming: MqttMessage) -> list[tuple[Sender, schema.Command]]:
        decision = self._commands.decide(incoming, self._wall())
        self._keep_commands()
        self._journal.commit()  # before a worker obeys: after a restart the command must not be passed on a second time
        if decision.command is not None and decision.command.command == FORGET:
            self._forgetting.ask(topics.parse(incoming.topic).run, decision.command.id)
        if incoming.retain:  # otherwise it would come again after each reconnect
            self._publisher.put(Outgoing(incoming.topic, b"", 1, True))  # noqa: FBT003
        for result in decision.results:
            if result.status == "refused":
                self._counts.refused += 1
                self._log.say("command", "refused a command on %s: %s", incoming.topic[:200], result.detail)
            self._outlet.answer(result)
        if decision.command is None:
            return []
        targets = (self._journal.senders.newest.get(key) for key in decision.targets)
        return [(sender, decision.command) for sender in targets if sender is not None]

    def _keep_again(self) -> None:
        """Write the state in memory into a journal that was begun anew."""
        self._commands.changed = True
        self._outlet.keep_again()

    def _keep_commands(self) -> None:
        if self._commands.changed:
            self._journal.keep(_COMMANDS, self._commands.save())

    def stamp(self) -> int:
        """Return the wall clock's time, later than the last one."""
        self._last_stamp = max(self._wall(), self._last_stamp + 1)
        return self._last_stamp
