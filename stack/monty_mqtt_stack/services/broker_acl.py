"""Parses and applies the broker's access rules, from the file that Mosquitto reads. Pure.

Called by `amqtt_broker`, which obeys the same conf/mosquitto/acl as Mosquitto, and by tests that check the file.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from monty_mqtt.errors import ConfigError

__all__ = ["AclRule", "matches", "may", "parse"]

_ACCESS = ("read", "write", "readwrite")


class AclRule(NamedTuple):
    """Allows `access` (`read`, `write`, `readwrite`) to topics that match `topic_filter`."""

    access: str
    topic_filter: str


def parse(text: str) -> Dict[Optional[str], List[AclRule]]:
    """Return the rules by user; the key None is for anonymous clients.

    Raises:
        ConfigError: A line is neither `user NAME` nor `topic read|write|readwrite FILTER`.
    """
    rules: Dict[Optional[str], List[AclRule]] = {None: []}
    user: Optional[str] = None
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if not word or word.startswith("#"):
            continue
        if word == "user" and len(rest) == 1:
            user = rest[0]
            rules.setdefault(user, [])
        elif word == "topic" and len(rest) == 2 and rest[0] in _ACCESS:  # noqa: PLR2004 - access and filter
            rules[user].append(AclRule(*rest))
        else:
            raise ConfigError("acl", line, "'user NAME' or 'topic read|write|readwrite FILTER'")
    return rules


def may(rules: Dict[Optional[str], List[AclRule]], user: Optional[str], access: str, topic: str) -> bool:
    """Return whether a user (None: anonymous) may `read` or `write` a topic."""
    return any(access in rule.access and matches(rule.topic_filter, topic) for rule in rules.get(user, ()))


def matches(topic_filter: str, topic: str) -> bool:
    """Return whether a topic matches a filter (MQTT 3.1.1, section 4.7); `#` and `+` at its start skip `$…` topics."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("#", "+"):
        return False
    if wanted[-1] == "#":
        wanted.pop()
        if len(levels) < len(wanted):
            return False
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(want in ("+", level) for want, level in zip(wanted, levels, strict=True))
