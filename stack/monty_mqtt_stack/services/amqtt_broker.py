"""Runs a broker in pure Python where there is no Mosquitto; it keeps nothing over a restart.

Started by the supervisor as `python -m monty_mqtt_stack.services.amqtt_broker HOST PORT STATE_DIR`. It has the same
users and rules as Mosquitto, but keeps everything in memory: retained messages are lost when it ends.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import signal
import sys
from dataclasses import dataclass
from typing import Optional

from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.contexts import Action, BaseContext  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin  # type: ignore[import-untyped]
from amqtt.session import Session  # type: ignore[import-untyped]

from monty_mqtt.conf_files import conf_dir
from monty_mqtt_core.settings import passwords
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services import broker_acl

__all__ = ["AclPlugin", "PasswordPlugin", "main"]

_ARGUMENTS = 3


class PasswordPlugin(BaseAuthPlugin):  # type: ignore[misc]
    """Accepts anonymous clients, and users with the password from their file."""

    @dataclass
    class Config:
        """Names the state directory that holds the passwords."""

        state_dir: str = ""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        state = StateDir(self.config.state_dir)
        self._passwords = {user: passwords.read(state, user) for user in passwords.USERS}
        self._rules = _rules()

    async def authenticate(self, *, session: Session) -> Optional[bool]:
        """Return whether the client may connect."""
        user = session.username
        if user is not None:
            password = self._passwords.get(user)
            if password is None or not hmac.compare_digest(password.encode(), (session.password or "").encode()):
                return False
        # amqtt publishes last wills without checking the rules, so a client must be allowed to publish its will here.
        return not session.will_topic or broker_acl.may(self._rules, user, "write", session.will_topic)


class AclPlugin(BaseTopicPlugin):  # type: ignore[misc]
    """Applies conf/mosquitto/acl. As in Mosquitto, a client may subscribe to anything and receives what it may read."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules = _rules()

    async def topic_filtering(
        self, *, session: Optional[Session] = None, topic: Optional[str] = None, action: Optional[Action] = None
    ) -> Optional[bool]:
        """Return whether the client may do this."""
        if action == Action.SUBSCRIBE:
            return True
        access = "write" if action == Action.PUBLISH else "read"
        return broker_acl.may(self._rules, session.username if session else None, access, topic or "")


def main(host: str, port: str, state_dir: str) -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(host, int(port), state_dir))


async def _serve(host: str, port: int, state_dir: str) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    plugins = {
        f"{__package__}.amqtt_broker.PasswordPlugin": {"state_dir": state_dir},
        f"{__package__}.amqtt_broker.AclPlugin": {},
    }
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}}, "plugins": plugins})
    await broker.start()
    await ended.wait()
    await broker.shutdown()


def _rules() -> dict[Optional[str], list[broker_acl.AclRule]]:
    return broker_acl.parse((conf_dir() / "mosquitto" / "acl").read_text())


if __name__ == "__main__":
    if len(sys.argv) != _ARGUMENTS + 1:
        sys.exit(__doc__)
    main(*sys.argv[1:])
