"""This module publishes a message in all its forms (topics, images, lines), and tracks what stays retained.

Called by `pipeline`; hands to `publisher`. It never decides whether a worker lives.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import LIVE_STATUSES
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.journal.rows import JournalRow, RetainedTopic
from monty_mqtt_bridge.publish.image_encoder import ImageEncoder
from monty_mqtt_bridge.publish.line_batches import LineBatch, LineBatches
from monty_mqtt_bridge.publish.page_links import PageLinks
from monty_mqtt_bridge.publish.publisher import Publisher
from monty_mqtt_bridge.publish.retained import RetainedTopics, Stamp
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.receive.sender import Key, Sender, label
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_core.influx import points
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.payloads.to_mqtt import Outgoing, TooLargeError, check, fan_out

__all__ = ["Outlet"]

logger = logging.getLogger(__name__)


class Outlet:
    """Outlet is the way out of the bridge. It lives in one thread.

    Args:
        config: Settings of the bridge.
        publisher: Sends the messages.
        counts: The bridge's counters.
        journal: Keeps what is retained.
        wake: Interrupts the loop's poll; may be called from any thread.
        clock: Monotonic seconds.

    Attributes:
        encoder: Makes image files of frames and of the user's images.
        retained: What is retained at the broker.
        experiments: Name of the experiment by worker, if the worker's `info` or another bridge gave it.
        misfits: Counts the values that did not fit InfluxDB.
    """

    def __init__(
        self,
        config: BridgeConfig,
        publisher: Publisher,
        counts: BridgeCounters,
        journal: Journal,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.encoder = ImageEncoder(wake)
        self.retained = RetainedTopics()
        self.experiments: dict[Key, str] = {}
        self.misfits = Misfits()
        self._config, self._publisher, self._counts, self._journal = config, publisher, counts, journal
        self._clock = clock
        self._log = RateLimitedLog(logger, clock)
        self._batches = LineBatches(config.influx_partitions)
        self._page = PageLinks(config.liveview_url)

    def publish(self, row: JournalRow, message: schema.Message, receipt: RowReceipt, *, again: bool) -> None:
        """Publish a worker's message; the receipt counts its MQTT messages. `again`: it was published before."""
        if isinstance(message, (schema.Frame, schema.Image)):
            self.encoder.submit(message, row.buffers[0])
            return
        message, payload = self._own_form(row, message)
        try:
            outgoing = fan_out(message, payload, row.buffers, most_bytes=self._config.mqtt_max_packet_bytes)
        except DecodeError as error:
            if not again or row.bulk:
                self._refuse(message, row.sender, error)
            return
        if isinstance(message, schema.Info):
            self.learn(message)
        for form in outgoing:
            if form.retain:
                self._put(self._retain(message, form, row.sender, restored=row.restored), receipt)
            else:
                self._put(form, receipt)
        self._put_lines(message, receipt)

    def _own_form(self, row: JournalRow, message: schema.Message) -> tuple[schema.Message, bytes]:
        """Return a message and its JSON as this bridge publishes them: it signs the statuses of its own workers."""
        is_own = not (row.restored or row.sender.is_moved)  # a restored one stays as it was, to the last byte
        if not (is_own and isinstance(message, schema.Status)):
            return message, row.payload
        signed = self._signed(message)
        return signed, schema.encode(signed)

    def say(self, status: schema.Status) -> None:
        """Publish a status that the bridge itself made."""
        status = self._signed(status)
        topic, qos, retain = topics.of_message(status)
        sender = self._journal.senders.newest.get((status.run, status.worker))
        outgoing = Outgoing(topic, schema.encode(status), qos, retain)
        self._put(self._retain(status, outgoing, sender, by_bridge=True), None)
        self._put_lines(status, None, by_bridge=True)

    def answer(self, result: schema.CommandResult) -> None:
        """Publish the bridge's own answer to a command."""
        topic, qos, retain = topics.of_message(result)
        self._publisher.put(Outgoing(topic, schema.encode(result), qos, retain))

    def put_again(self, key: Key) -> None:
        """Publish again what is retained of the workers of a name, for a broker that may have forgotten it."""
        for outgoing in self.retained.latest(key):
            self.put_back(outgoing)

    def give_away(self, key: Key) -> None:
        """Leave what is retained of a worker to another bridge, which has it now."""
        self.retained.forget(key)
        self._publisher.queue.withdraw(topics.build(*key, "status"))

    def put_back(self, outgoing: Outgoing) -> None:
        """Publish a retained message once more; if that fails, the next connection does it again."""
        self._publisher.put(outgoing, (RowReceipt(0),))

    def put_lines(self, run: str, worker: str, lines: list[str], receipt: RowReceipt | None = None) -> None:
        """Publish lines of a worker, in a batch."""
        self._counts.points += len(lines)
        for batch in self._batches.add(run, worker, lines, receipt, self._clock()):
            self._put_batch(batch)

    def tick(self, now: float) -> None:
        """Publish the images that are ready, and the lines that have waited long enough."""
        for frame, outgoing in self.encoder.take():
            sender = self._journal.senders.newest.get((frame.run, frame.worker))
            try:
                check(outgoing, self._config.mqtt_max_packet_bytes)
            except DecodeError as error:
                self._refuse(frame, sender, error)
                continue
            if isinstance(frame, schema.Image):
                self._put(outgoing, None)
                continue
            self._put(self._retain(frame, outgoing, sender), None)
            self._link(frame, now)
        for batch in self._batches.due(now):
            self._put_batch(batch)

    def flush(self) -> None:
        """Publish all waiting lines."""
        for batch in self._batches.flush():
            self._put_batch(batch)

    def next_due(self) -> float:
        """Return when `tick` has lines to publish, monotonic seconds."""
        return self._batches.next_due()

    def learn(self, message: schema.Info | schema.Status) -> None:
        """Remember a worker's experiment, for the tags of its lines."""
        if message.experiment:
            self.experiments[message.run, message.worker] = message.experiment

    def forget(self, key: Key) -> None:
        """Forget the workers of a name."""
        self.retained.forget(key)
        self.experiments.pop(key, None)
        self._page.forget(key)

    def _signed(self, status: schema.Status) -> schema.Status:
        experiment = self.experiments.get((status.run, status.worker))
        return msgspec.structs.replace(status, bridge=self._config.bridge_id, experiment=experiment)

    def _retain(
        self,
        message: schema.Message,
        outgoing: Outgoing,
        sender: Sender | None,
        *,
        restored: bool = False,
        by_bridge: bool = False,
    ) -> Outgoing:
        """Return a message as it is to be sent, retained or not; have the journal keep it if it stays retained."""
        if sender is not None and sender.is_moved:
            return outgoing._replace(retain=False)
        if restored and isinstance(message, schema.Status) and message.status in LIVE_STATUSES:
            return outgoing._replace(retain=False)  # it was so once; no later status would ever correct it
        started = sender.started_unix_nanos if sender else 0
        stamp = Stamp(message.seq, message.time_unix_nanos, started)
        outgoing = self.retained.pass_through((message.run, message.worker), stamp, outgoing, by_bridge=by_bridge)
        if outgoing.retain:
            payload = outgoing.payload if outgoing.qos else None
            self._journal.retain(RetainedTopic(outgoing.topic, message.run, message.worker, *stamp, payload))
        return outgoing

    def keep_again(self) -> None:
        """Have the journal keep everything that is retained, and known here."""
        for key, stamp, outgoing in self.retained.all():
            payload = outgoing.payload if outgoing.qos else None
            self._journal.retain(RetainedTopic(outgoing.topic, *key, *stamp, payload))

    def _put(self, outgoing: Outgoing, receipt: RowReceipt | None) -> None:
        if receipt is None or not outgoing.qos:
            self._publisher.put(outgoing)
        else:
            receipt.open += 1
            self._publisher.put(outgoing, (receipt,))

    def _link(self, frame: schema.Frame, now: float) -> None:
        """Write the address of this frame at the page as a point for InfluxDB."""
        url = self._page.of_frame(frame, now)
        if url is not None:
            experiment = self.experiments.get((frame.run, frame.worker))
            line = points.frame(frame, url, experiment, self.misfits)
            self.put_lines(frame.run, frame.worker, [line] if line else [])

    def _put_lines(self, message: schema.Message, receipt: RowReceipt | None, *, by_bridge: bool = False) -> None:
        experiment = self.experiments.get((message.run, message.worker))
        misfits = self.misfits.count
        page_url = self._page.of_run(message.run)
        lines = points.lines_of(message, experiment, self.misfits, by_bridge=by_bridge, page_url=page_url)
        if self.misfits.count > misfits:
            text = "%s.%s: %r does not fit its field in InfluxDB and is left out"
            self._log.say("misfit", text, *self.misfits.last)
        self.put_lines(message.run, message.worker, lines, receipt)
        if isinstance(message, schema.End):  # the sender waits for the acknowledgement
            for batch in self._batches.flush(message.run):
                self._put_batch(batch)

    def _put_batch(self, batch: LineBatch) -> None:
        self._publisher.put(batch.outgoing, batch.receipts)

    def _refuse(self, message: schema.Message, sender: Sender | None, error: DecodeError) -> None:
        """Count a message that cannot be published."""
        if not isinstance(error, TooLargeError):
            self._counts.refused += 1
        else:
            self._counts.too_large += 1
            if sender is not None:
                sender.too_large += 1
                self._journal.senders.changed.add(sender)
        self._log.error("unpublishable", "%s: %s", label(message.run, message.worker), error)
