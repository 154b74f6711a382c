"""Settings of the bridge, from flags, environment and file, checked once at the edge.

Place in the flow: `__main__` builds one `BridgeConfig` here; below it nobody reads flags or the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import topics
from monty_mqtt.wire.zmq_protocol import LARGEST_FRAME_BYTES
from monty_mqtt_core.settings import service_settings

__all__ = ["ENVIRONMENT_PREFIX", "BridgeConfig", "Options", "build", "load", "read_password"]

ENVIRONMENT_PREFIX = "MONTY_MQTT_BRIDGE_"
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#\"<>\\]+(/[^\s?#\"<>\\]*)?")


class BridgeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set.

    Attributes:
        zmq_host: Address the experiments connect to; beyond loopback only inside a container.
        zmq_port: Its TCP port; 0 takes a free one.
        mqtt_host: Host of the MQTT broker.
        mqtt_port: TCP port of the MQTT broker.
        mqtt_username: User at the broker; empty connects anonymously.
        mqtt_password_file: File whose first line is that user's password.
        mqtt_wait_secs: How long to wait at start for a broker that does not answer; 0 waits for ever.
        mqtt_max_packet_bytes: Largest MQTT message the broker takes, its `max_packet_size`.
        bridge_id: Name in `monty/bridge/v1/<id>/…`; two bridges at one broker need two.
        keep_retained_days: Days after which what is retained of a run that is over is cleared; 0 keeps it.
        drain_secs: How long SIGTERM waits for what is under way.
        journal: File that keeps what was accepted; empty: none; not given: journal/<id>.sqlite in the state directory.
        journal_mib: How large that may become, MiB; beyond it the oldest frames go, then experiments keep theirs.
        spool: Directory where experiments of this machine keep what they could not deliver, to take it up; empty: none;
            not given: spool in the state directory.
        liveview_url: Where browsers reach the page, for dashboards' links and images; empty: there are none.
        container: Inside a container, where binding every address is what it takes to be reached at all.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    zmq_host: str = "127.0.0.1"
    zmq_port: int = 5555
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 1883
    mqtt_username: str = ""
    mqtt_password_file: str = ""
    mqtt_wait_secs: float = 0.0
    mqtt_max_packet_bytes: int = 10_000_000
    bridge_id: str = "bridge"
    keep_retained_days: float = 30.0
    drain_secs: float = 5.0
    journal: str = ""
    journal_mib: float = 2048.0
    spool: str = ""
    liveview_url: str = "http://127.0.0.1:8000"
    container: bool = False
    log_level: str = "info"

    @property
    def largest_message_bytes(self) -> int:
        """What experiments may send as one message: what the broker takes, less a topic of usual length."""
        return min(self.mqtt_max_packet_bytes * 99 // 100, LARGEST_FRAME_BYTES)

    @property
    def mqtt_url(self) -> str:
        """The broker, as a person writes it."""
        return f"mqtt://{self.mqtt_host}:{self.mqtt_port}"


class Options(NamedTuple):
    """What the command line asks for."""

    config: BridgeConfig
    healthcheck: bool


_RANGES: dict[str, tuple[float, float]] = {
    "zmq_port": (0, 65_535),
    "mqtt_port": (1, 65_535),
    "mqtt_wait_secs": (0, 86_400),
    "mqtt_max_packet_bytes": (10_000, 268_435_455),
    "keep_retained_days": (0, 36_500),
    "drain_secs": (0, 600),
    "journal_mib": (1, 1_048_576),
}
_SETTINGS = service_settings.ServiceSettings(
    BridgeConfig,
    program="monty-mqtt-bridge",
    description="Takes messages from experiments over ZMQ and publishes them over MQTT.",
    healthcheck="ask whether the bridge of this id runs: exit 0 or 1",
    environment_prefix=ENVIRONMENT_PREFIX,
    ranges=_RANGES,
    not_empty=("zmq_host", "mqtt_host", "bridge_id"),
)


def load(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Return the settings; flags beat the environment, the environment the file, the file the defaults.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range, or a file cannot be read.
        SystemExit: `--help`.
    """
    loaded = _SETTINGS.load(arguments, environ)
    config = _checked(loaded.config)
    if "journal" not in loaded.given:
        journal = _state_dir(environ) / "journal" / f"{topics.escape(config.bridge_id)}.sqlite"
        config = msgspec.structs.replace(config, journal=str(journal))
    if "spool" not in loaded.given:
        with suppress(ConfigError):  # who names a journal needs no home
            config = msgspec.structs.replace(config, spool=str(_state_dir(environ) / "spool"))
    return Options(config, loaded.healthcheck)


def build(settings: Mapping[str, Any]) -> BridgeConfig:
    """Return the settings checked; text is turned into what the setting is.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range.
    """
    return _checked(_SETTINGS.build(settings))


def read_password(config: BridgeConfig) -> str | None:
    """Return the password, None where no file is set.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    return service_settings.read_password(config.mqtt_password_file)


def _checked(config: BridgeConfig) -> BridgeConfig:
    if config.liveview_url and not _WEB_ADDRESS.fullmatch(config.liveview_url):
        raise ConfigError(
            "liveview_url", config.liveview_url, "http:// or https:// and a host, without spaces; or empty"
        )
    if not config.container and not service_settings.is_loopback(config.zmq_host):
        raise ConfigError(
            "zmq_host", config.zmq_host, "an address of this machine's loopback (127.0.0.1, ::1, localhost)"
        )
    return config


def _state_dir(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return Path(environ.get("MONTY_MQTT_STATE_DIR") or Path(home) / "monty-mqtt").expanduser()
    except RuntimeError:
        raise ConfigError("journal", "", "named, or empty on purpose: this user has no home directory") from None
