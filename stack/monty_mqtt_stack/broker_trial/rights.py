"""Tries what each MQTT user may read and write, and compares it with conf/mosquitto/acl, line by line.

Called by `trial`. Each attempt has a connection of its own, because some brokers close it where they refuse something.
All messages are empty, which every program of ours ignores, and on topics of a run that does not exist.
"""

from __future__ import annotations

import contextlib
from typing import Dict, List, NamedTuple, Optional, Set

from monty_mqtt.conf_files import conf_dir
from monty_mqtt_stack.broker_trial.needs import MissingError
from monty_mqtt_stack.broker_trial.stage import Stage
from monty_mqtt_stack.broker_trial.trial_client import ANSWER_SECS, RefusedError, TrialClient
from monty_mqtt_stack.services import broker_acl

__all__ = ["Right", "compare", "tried"]

_REFUSED_SECS = 1.0
"""Seconds after which what has not come is refused; it is counted from when a permitted message has come."""


class Right(NamedTuple):
    """Holds one attempt.

    Attributes:
        access: `read` or `write`.
        topic_filter: The line of conf/mosquitto/acl that the topic was made from.
        is_wanted: Whether conf/mosquitto/acl permits it.
        is_given: Whether the broker permits it.
    """

    access: str
    topic_filter: str
    is_wanted: bool
    is_given: bool

    @property
    def trouble(self) -> str:
        """What is wrong with it; that a user may also read more is nothing."""
        if self.is_wanted and not self.is_given:
            return f"may not {self.access} {self.topic_filter}"
        if self.is_given and not self.is_wanted and self.access == "write":
            return f"may write {self.topic_filter}"
        return ""


def tried(stage: Stage, user: Optional[str]) -> List[Right]:
    """Try all rights of a user, None for anonymous clients; return one result for each access and line of the ACL."""
    rules = broker_acl.parse((conf_dir() / "mosquitto" / "acl").read_text())
    filters = dict.fromkeys(rule.topic_filter for of_user in rules.values() for rule in of_user)
    found: List[Right] = []
    for access, attempt in (("write", _written), ("read", _read)):
        topics = {_topic(topic_filter, f"{stage.run}-{access}-{user}"): topic_filter for topic_filter in filters}
        wanted = {topic: broker_acl.may(rules, user, access, topic) for topic in topics if topic[0] != "$"}
        given = attempt(stage, user, wanted)
        found += [Right(access, topics[topic], wanted[topic], topic in given) for topic in wanted]
    return found


def compare(stage: Stage, user: Optional[str]) -> str:
    """Return what was seen of a user's rights.

    Raises:
        MissingError: The user may not what it must, or may write what it must not.
    """
    if user is None and _is_refused(stage):
        return "refused: who reads logs in"
    found = tried(stage, user)
    wrong = [right.trouble for right in found if right.trouble]
    if wrong:
        raise MissingError(wrong[0] + (f", and {len(wrong) - 1} more" if wrong[1:] else ""))
    return f"{sum(right.is_given for right in found)} of {len(found)} attempts succeed"


def _is_refused(stage: Stage) -> bool:
    try:
        with TrialClient(stage.broker_for(None)):
            return False
    except RefusedError:
        return True


def _topic(topic_filter: str, level: str) -> str:
    return topic_filter.replace("+", level).replace("#", f"{level}/{level}")


def _written(stage: Stage, user: Optional[str], wanted: Dict[str, bool]) -> Set[str]:
    """Publish each topic as a user; return those that come to a reader of everything."""
    barrier = f"{stage.prefix}/barrier/{user}"
    with stage.reader() as observer:
        observer.subscribe(*wanted, barrier)
        for topic in wanted:
            with contextlib.suppress(RefusedError), TrialClient(stage.broker_for(user)) as writer:
                writer.publish_all([(topic, b"")], timeout_secs=_REFUSED_SECS)
        with stage.writer() as writer:
            writer.publish(barrier, b"")
        observer.wait_for(1 + sum(wanted.values()))
        came = {message.topic for message in observer.wait_for(1 + len(wanted), _REFUSED_SECS)}
    return came & wanted.keys()


def _read(stage: Stage, user: Optional[str], wanted: Dict[str, bool]) -> Set[str]:
    """Subscribe to each topic as a user; return those of which a message comes when the bridge publishes it."""
    with contextlib.ExitStack() as connected:
        readers: Dict[str, TrialClient] = {}
        for topic in wanted:
            with contextlib.suppress(RefusedError):
                reader = connected.enter_context(TrialClient(stage.broker_for(user, -1)))
                if reader.subscribe(topic):
                    readers[topic] = reader
        with stage.writer() as writer:
            writer.publish_all([(topic, b"") for topic in wanted])
        bounds = {topic: ANSWER_SECS if wanted[topic] else _REFUSED_SECS for topic in wanted}
        return {topic for topic, reader in readers.items() if reader.wait_for(1, bounds[topic])}
