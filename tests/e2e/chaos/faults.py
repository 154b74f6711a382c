"""What happens to the processes of a stage. Each fault is over when it returns, and everything runs again."""

from __future__ import annotations

import threading
from functools import partial
from typing import Callable

from kit.machine.child_process import until

from chaos import hostile
from chaos.stage import Stage, freeze, thaw

Fault = Callable[[Stage], None]
AGAIN = "again\n"
"""How the bridge's log ends a line when the broker is there again."""


def kill_bridge(stage: Stage) -> None:
    stage.bridge.kill()
    stage.bridge.start()


def kill_broker(stage: Stage) -> None:
    stage.broker.kill()
    stage.broker.start()


def kill_both(stage: Stage) -> None:
    stage.broker.kill()
    stage.bridge.kill()
    stage.broker.start()
    stage.bridge.start()


def freeze_bridge(stage: Stage, secs: float) -> None:
    freeze(stage.bridge)
    threading.Event().wait(secs)
    thaw(stage.bridge)


def attack(stage: Stage) -> None:
    """Somebody says hello for each of the experiments, in every way there is."""
    for key in stage.loads:
        hostile.attack(stage.bridge.port, *key.split("/"), started_unix_nanos=stage.began_unix_nanos)


def attack_first(stage: Stage) -> None:
    """The same, as soon as a killed bridge is back: before the experiments have found it again, or while they do."""
    kill_bridge(stage)
    attack(stage)


def freeze_listener(stage: Stage, secs: float) -> None:
    """The subscriber sleeps while one of the others is killed, and for so long after it."""
    freeze(stage.listener)
    killed = stage.random.choice((kill_bridge, kill_broker, kill_both))
    stage.say(f"the subscriber sleeps during {killed}")
    killed(stage)
    threading.Event().wait(secs)
    thaw(stage.listener)


def empty_broker(stage: Stage) -> None:
    """The broker is killed and forgets everything: retained messages, the subscriber's session and its queue."""
    subscribed = stage.listener.report["subscribed"]
    _empty(stage)
    stage.wait_until_subscribed(subscribed + 1)


def empty_broker_and_come_late(stage: Stage, secs: float) -> None:
    """The same, and the subscriber comes back so long after the bridge has."""
    subscribed, times = stage.listener.report["subscribed"], stage.bridge.log.count(AGAIN)
    freeze(stage.listener)
    _empty(stage)
    until(lambda: stage.bridge.log.count(AGAIN) > times)
    threading.Event().wait(secs)
    thaw(stage.listener)
    stage.wait_until_subscribed(subscribed + 1)


def _empty(stage: Stage) -> None:
    stage.broker.kill()
    for file in stage.broker.state.mosquitto.glob("mosquitto.db*"):
        file.unlink()
    stage.broker.start()


def all_of(frozen_secs: float) -> list[Fault]:
    """Return each fault once."""
    return [
        kill_bridge,
        partial(freeze_bridge, secs=frozen_secs),
        kill_broker,
        kill_both,
        partial(freeze_listener, secs=frozen_secs),
        empty_broker,
        attack,
        attack_first,
    ]
