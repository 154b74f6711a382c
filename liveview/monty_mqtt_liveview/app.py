"""Builds all parts of the page from the settings, serves until a signal, and closes the parts.

Called by `__main__`; hands to `web.server`.
"""

from __future__ import annotations

import contextlib
import gc
import logging
from pathlib import Path

from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.settings import passwords, service_settings
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.intake.subscription import Subscription
from monty_mqtt_liveview.own_panels.beside_the_page import BesideThePage
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_liveview.settings import PageConfig, PageOptions
from monty_mqtt_liveview.web.control import Control
from monty_mqtt_liveview.web.login import Login, Reach
from monty_mqtt_liveview.web.login_sessions import LoginSessions
from monty_mqtt_liveview.web.server import Server, listen, make_app

__all__ = ["run"]

_MIB, _GIB = 1 << 20, 1 << 30
_LOGIN, _SESSIONS = "liveview_login", "liveview_sessions"

_logger = logging.getLogger(__name__)


def run(options: PageOptions) -> None:
    """Serve the page until SIGTERM or SIGINT.

    Args:
        options: The checked settings.

    Raises:
        ConfigError, ServiceError: The page cannot start.
    """
    config = options.config
    state = StateDir(config.state_dir or None)
    recordings = state.path / "recordings"
    beside = BesideThePage(state.path, config.panels)
    for problem in beside.problems():
        _logger.warning("%s", problem)
    subscription = Subscription(_broker(config), config.mqtt_client_id or passwords.client_id(state, "liveview"))
    with contextlib.ExitStack() as open_ones:
        ports = [config.port, *([config.login_port] if config.login_port else [])]
        sockets = [open_ones.enter_context(listen(config, port)) for port in ports]
        open_ones.enter_context(subscription)
        service = open_ones.enter_context(Service(subscription, recordings, _limits(config)))
        controls = Control(service, _control_broker(options, state))
        login = _login(config, state, sockets[0].getsockname()[1])
        app = make_app(service, config, controls, login, beside)
        gc.freeze()  # nothing loaded by now ever becomes garbage, and each collection would look through it again
        Server(app, config, sockets).serve_until_stopped()


def _broker(config: PageConfig) -> BrokerAddress:
    service_settings.read_password(config.mqtt_password_file)
    file = Path(config.mqtt_password_file) if config.mqtt_password_file else None
    return config.broker._replace(username=config.mqtt_username or None, password_file=file)


def _limits(config: PageConfig) -> Retention:
    return Retention(
        most_bytes=int(config.keep_gib * _GIB),
        most_days=config.keep_days,
        most_memory_bytes=int(config.memory_mib * _MIB),
    )


def _control_broker(options: PageOptions, state: StateDir) -> BrokerAddress:
    config = options.config
    named = config.control_password_file or None
    file = named if "control_password_file" in options.given else state.password_file(config.control_username)
    return config.broker._replace(username=config.control_username, password_file=Path(file) if file else None)


def _login(config: PageConfig, state: StateDir, port: int) -> Login:
    file = Path(config.login_file) if config.login_file else state.secrets / _LOGIN
    if not config.login_file:
        passwords.ensure_file(state, _LOGIN)
    sessions = LoginSessions(state, state.secrets / _SESSIONS)
    is_tls, is_closed = bool(config.tls_certificate), config.needs_login_to_read
    reach = Reach(is_tls, is_closed, config.login_port, config.trust_forwarded_for)
    return Login(file, sessions, f"monty_mqtt_session_{port}", reach)
