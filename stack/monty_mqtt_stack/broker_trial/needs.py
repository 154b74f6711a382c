"""Defines what monty_mqtt needs of a broker beside its users' rights, and how each need is tried.

Called by `trial`. Each attempt returns what was seen, and raises `MissingError` where the broker does not do it.
"""

from __future__ import annotations

import contextlib
import time
from typing import Callable, Iterator, List, NamedTuple, Tuple

from monty_mqtt.wire import topics
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_stack.broker_trial.stage import Stage
from monty_mqtt_stack.broker_trial.trial_client import ANSWER_SECS, TrialClient, Will

__all__ = ["NEEDS", "MissingError", "Need"]

_LARGEST_BYTES = 9_999_000
"""Payload of the largest packet of 10,000,000 bytes, which the bridge sends by default, with room for its topic."""

_RUNS = 40
_LIVE, _AWAY = 1_000, 2_000
_WINDOW, _STALLS = 1_000, 1_500
"""The page acknowledges once a second. Telegraf stalls for good above its `max_undelivered_messages`."""

_QUIET_SECS = 2.0
_AGAIN_SECS = 40.0
"""NATS sends again after its `ack_wait`, 30 s."""

_NAMES = ("a b.c/d+e#f%", "$x", "*", ">", "é😀", "n" * 200)
"""Names that users may give to an object or metric."""


class MissingError(Exception):
    """The broker does not do it; the text says what it does instead."""


class Need(NamedTuple):
    """Describes one need: its name, why it matters, and how it is tried."""

    name: str
    why: str
    attempt: Callable[[Stage], str]


def _qos1_in_order(stage: Stage) -> str:
    messages = _numbered(f"{stage.prefix}/order", _LIVE)
    with stage.reader() as reader, stage.writer() as writer:
        _granted(reader, f"{stage.prefix}/order")
        _all_acknowledged(writer, messages)
        seen = reader.wait_for(_LIVE)
    _same([message.payload for message in seen], [payload for _, payload in messages])
    with_qos0 = sum(message.qos == 0 for message in seen)
    _missing_if(with_qos0, f"{with_qos0:,} of {_LIVE:,} came with QoS 0")
    return f"{_LIVE:,} messages, acknowledged and in order"


def _retained_topic(stage: Stage) -> str:
    topic = f"{stage.prefix}/retained/status"
    with stage.writer() as writer:
        _all_acknowledged(writer, _numbered(topic, _RUNS), retain=True)
    latest = str(_RUNS - 1).encode()
    _until_retained(stage, topic, lambda found: [message.payload for message in found] == [latest])
    return f"the last of {_RUNS} messages on a topic"


def _retained_wildcards(stage: Stage) -> str:
    with stage.writer() as writer:
        statuses = [(f"{stage.prefix}/runs/{number}/status", b"completed") for number in range(_RUNS)]
        _all_acknowledged(writer, statuses, retain=True)
    for topic_filter in (f"{stage.prefix}/runs/#", f"{stage.prefix}/runs/+/status"):
        _until_retained(stage, topic_filter, lambda found: len({message.topic for message in found}) == _RUNS)
    return f"all of {_RUNS} topics, by # and by +"


def _retained_cleared(stage: Stage) -> str:
    topic = f"{stage.prefix}/cleared/status"
    with stage.writer() as writer:
        _all_acknowledged(writer, [(topic, b"completed")], retain=True)
        _until_retained(stage, topic, lambda found: len(found) == 1)
        _all_acknowledged(writer, [(topic, b"")], retain=True)
    _until_retained(stage, topic, lambda found: not [message for message in found if message.payload])
    return "an empty message clears a topic"


def _persistent_session(stage: Stage) -> str:
    messages = _numbered(f"{stage.prefix}/away", _AWAY)
    with _session(stage, f"{stage.prefix}/away") as client_id, stage.writer() as writer:
        _all_acknowledged(writer, messages)
        with stage.reader_elsewhere(client_id=client_id, keeps_session=True) as back:
            known = back.session_present
            seen = back.wait_for(_AWAY)
    _missing_if(not known, "the broker does not know the session any more")
    _same([message.payload for message in seen], [payload for _, payload in messages])
    return f"{_AWAY:,} messages of while it was away, in order"


def _unacknowledged_again(stage: Stage) -> str:
    count, recorded = 10, 4
    messages = _numbered(f"{stage.prefix}/again", count)
    with _session(stage, f"{stage.prefix}/again") as client_id:
        with stage.writer() as writer, stage.reader(**_page(client_id)) as page:
            _all_acknowledged(writer, messages)
            seen = page.wait_for(count)
            page.acknowledge(seen[:recorded])
        back_at = time.monotonic()
        with stage.reader_elsewhere(**_page(client_id)) as page:
            page.wait_for(1, _AGAIN_SECS)
            after_secs = time.monotonic() - back_at
            again = page.wait_for(count, _QUIET_SECS)
    _same([message.payload for message in again], [payload for _, payload in messages[recorded:]])
    return f"the {count - recorded} of {count} that were not acknowledged, after {after_secs:.1f} s"


def _window(stage: Stage) -> str:
    sent = _STALLS + 100
    topic = f"{stage.prefix}/window"
    with _session(stage, topic) as client_id, stage.writer() as writer, stage.reader(**_page(client_id)) as page:
        _all_acknowledged(writer, _numbered(topic, sent))
        count = len(page.wait_for(sent, _QUIET_SECS))
    _missing_if(count < _WINDOW, f"{count:,} messages at a time; {_WINDOW:,} to {_STALLS:,} are needed")
    _missing_if(count > _STALLS, f"{count:,} messages at a time, or more; {_WINDOW:,} to {_STALLS:,} are needed")
    return f"{count:,} messages at a time"


def _takeover(stage: Stage) -> str:
    topic = f"{stage.prefix}/takeover"
    with _session(stage, topic) as client_id, stage.reader(client_id=client_id, keeps_session=True) as first:
        newer = stage.reader_elsewhere(client_id=client_id, keeps_session=True)
        with newer as second, stage.writer() as writer:
            is_cut = first.wait_until_cut()
            _all_acknowledged(writer, [(topic, b"for the second")])
            seen = second.wait_for(1)
    _missing_if(not is_cut, "the first client stays connected")
    _missing_if(not seen, "the second client does not get what the session subscribed to")
    return "the newer client has the session, the older one is disconnected"


def _session_deleted(stage: Stage) -> str:
    with _session(stage, f"{stage.prefix}/deleted") as client_id:
        stage.delete_session(client_id)
        with stage.reader(client_id=client_id, keeps_session=True) as reader:
            _missing_if(reader.session_present, "it is still there")
    return "a client that wants no session ends it"


def _last_will(stage: Stage) -> str:
    topic = f"{stage.prefix}/will/status"
    with stage.reader() as reader:
        _granted(reader, topic)
        with stage.writer(will=Will(topic, b"offline")) as bridge:
            bridge.drop()
        seen = reader.wait_for(1)
    _missing_if(not seen, "it is not published when the connection breaks")
    _until_retained(stage, topic, lambda found: [message.payload for message in found] == [b"offline"])
    return "published when the connection breaks, and retained"


def _largest_packet(stage: Stage) -> str:
    topic, payload = f"{stage.prefix}/largest", b"\xff" * _LARGEST_BYTES
    with stage.reader() as reader, stage.writer() as writer:
        _granted(reader, topic)
        _all_acknowledged(writer, [(topic, payload)], retain=True)
        seen = reader.wait_for(1)
        _missing_if([message.payload for message in seen] != [payload], "it was acknowledged, and did not come")
        _until_retained(stage, topic, lambda found: [message.payload for message in found] == [payload])
        writer.publish(topic, b"", retain=True)
    return f"{_LARGEST_BYTES / 1e6:.0f} MB, retained"


def _any_name(stage: Stage) -> str:
    wanted = [f"{stage.prefix}/names/{topics.escape(name)}/x" for name in _NAMES]
    with stage.reader() as reader, stage.writer() as writer:
        _granted(reader, f"{stage.prefix}/names/+/x")
        refused = [topic for topic in wanted if not writer.publish(topic, b"x")]
        came = {message.topic for message in reader.wait_for(len(wanted), _QUIET_SECS)}
    lost = [topic.split("/")[-2][:10] for topic in wanted if topic in refused or topic not in came]
    _missing_if(lost, f"lost: {' '.join(lost)}")
    return f"{len(wanted)} unusual names as topic levels"


NEEDS = (
    Need("QoS 1, in order", "a step that is lost or late changes what is shown", _qos1_in_order),
    Need("retained", "who comes later must see what runs", _retained_topic),
    Need("retained, by wildcards", "page and `status` find all runs with one subscription", _retained_wildcards),
    Need("retained, cleared", "a run that is forgotten must be gone", _retained_cleared),
    Need("persistent session", "page and Telegraf miss nothing while they restart", _persistent_session),
    Need("unacknowledged again", "the page acknowledges what is in its recording", _unacknowledged_again),
    Need("window", "fewer hold the page up, more stall Telegraf after an outage of InfluxDB", _window),
    Need("session taken over", "a page that hangs must not keep a new one out", _takeover),
    Need("session deleted", "what nobody will fetch must not be kept for ever", _session_deleted),
    Need("last will, retained", "a bridge that is killed must be offline", _last_will),
    Need("largest packet", "object models and frames are so large", _largest_packet),
    Need("any name", "objects and metrics are called as users like", _any_name),
)  # fmt: skip


@contextlib.contextmanager
def _session(stage: Stage, topic: str) -> Iterator[str]:
    """Make a persistent session that is subscribed to a topic; delete it at the end."""
    client_id = stage.client_id()
    with stage.reader(client_id=client_id, keeps_session=True) as reader:
        _granted(reader, topic)
    try:
        yield client_id
    finally:
        stage.delete_session(client_id)


def _page(client_id: str) -> dict[str, object]:
    return {"client_id": client_id, "keeps_session": True, "acknowledges": False}


def _numbered(topic: str, count: int) -> List[Tuple[str, bytes]]:
    return [(topic, str(number).encode()) for number in range(count)]


def _granted(reader: TrialClient, topic_filter: str) -> None:
    if not reader.subscribe(topic_filter):
        raise MissingError("the subscription is refused")


def _all_acknowledged(writer: TrialClient, messages: List[Tuple[str, bytes]], *, retain: bool = False) -> None:
    count = writer.publish_all(messages, retain=retain)
    if count < len(messages):
        raise MissingError(f"{count:,} of {len(messages):,} messages were acknowledged")


def _same(seen: List[bytes], wanted: List[bytes]) -> None:
    if seen == wanted:
        return
    if sorted(seen) == sorted(wanted):
        raise MissingError("they come in another order")
    repeated = len(seen) - len(set(seen))
    raise MissingError(
        f"{len(set(seen)):,} of {len(wanted):,} came" + (f", {repeated:,} of them twice" if repeated else "")
    )


def _until_retained(stage: Stage, topic_filter: str, is_right: Callable[[List[MqttMessage]], bool]) -> None:
    """Ask until it is right: a cluster may take a moment until all nodes know."""
    deadline = time.monotonic() + ANSWER_SECS
    while not is_right(found := stage.retained(topic_filter)):
        if time.monotonic() > deadline:
            raise MissingError(f"{len(found)} messages are retained for {topic_filter}")


def _missing_if(is_missing: object, instead: str) -> None:
    if is_missing:
        raise MissingError(instead)
