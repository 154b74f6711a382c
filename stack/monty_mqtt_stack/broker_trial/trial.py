"""Tries everything that monty_mqtt needs at a running broker, and cleans up behind it.

Called by `monty-mqtt doctor --broker`, and by the tests of conf/nats.
"""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Optional

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_stack.broker_trial import rights
from monty_mqtt_stack.broker_trial.needs import NEEDS, MissingError, Need
from monty_mqtt_stack.broker_trial.stage import Stage, passwords_in
from monty_mqtt_stack.broker_trial.trial_client import TrialClient

__all__ = ["Outcome", "try_broker"]

_WHY_RIGHTS: Dict[Optional[str], str] = {
    None: "whoever reaches the broker must not command runs or invent some",
    "bridge": "it publishes everything, and hears commands",
    "telegraf": "it reads the points for InfluxDB",
    "liveview": "it reads everything, and changes nothing",
    "control": "it alone commands runs, beside the bridge",
}


class Outcome(NamedTuple):
    """Holds what became of one need.

    Attributes:
        need: Its name.
        is_met: Whether the broker does it; None if it could not be tried.
        found: What was seen.
        why: Why it matters.
    """

    need: str
    is_met: Optional[bool]
    found: str
    why: str


def try_broker(broker: BrokerAddress, folder: Path) -> Iterator[Outcome]:
    """Try all needs, one after the other; yield each outcome.

    Args:
        broker: Its nodes, in any order; the user is not looked at.
        folder: Where the users' passwords are, `<user>.password`; what is not there is tried anonymously.

    Raises:
        ServiceError: A node does not answer, or refuses the user who writes or the one who reads.
    """
    stage = Stage(broker.each, passwords_in(folder))
    for user, node in itertools.product(("bridge", "liveview"), range(len(broker.each))):
        with TrialClient(stage.broker_for(user, node)):
            pass  # it raises where the broker does not answer, or refuses
    try:
        for need in NEEDS:
            yield _outcome(stage, need)
        for who, why in _WHY_RIGHTS.items():
            need = Need(f"rights of {who or 'anonymous clients'}", why, partial(rights.compare, user=who))
            if who is None or who in stage.password_files:
                yield _outcome(stage, need)
            else:
                yield Outcome(need.name, None, f"no {who}.password in {folder}", why)
    finally:
        stage.clean_up()


def _outcome(stage: Stage, need: Need) -> Outcome:
    try:
        return Outcome(need.name, True, need.attempt(stage), need.why)  # noqa: FBT003
    except (MissingError, ServiceError, OSError) as missing:
        return Outcome(need.name, False, str(missing), need.why)  # noqa: FBT003
