"""This module reads the bridge's settings from flags, environment and file, and checks them once.

Called by `__main__`; the modules below read neither flags nor the environment.
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
from monty_mqtt_core.settings import broker_address, service_settings
from monty_mqtt_core.settings.bridge_id import default_bridge_id
from monty_mqtt_core.settings.broker_address import BrokerAddress

__all__ = ["ENVIRONMENT_PREFIX", "BridgeConfig", "BridgeOptions", "build", "load", "read_password"]

ENVIRONMENT_PREFIX = "MONTY_MQTT_BRIDGE_"
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#\"<>\\]+(/[^\s?#\"<>\\]*)?")


class BridgeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """BridgeConfig holds everything that can be set; the descriptions are also the texts of `--help`.

    Attributes:
        zmq_host: Address that experiments connect to; beyond loopback only with keys, or inside a container.
        zmq_port: TCP port that experiments connect to; 0 takes a free one.
        zmq_keys: Directory of the keys that encrypt ZMQ, `keys` of the state directory; empty: it is not encrypted.
        zmq_users: Whose processes of this machine may send without keys: `own` (and root's), or `any` user's.
        mqtt_host: Host of the MQTT broker.
        mqtt_port: TCP port of the MQTT broker.
        mqtt_brokers: The broker's hosts instead, tried in turn, as mqtts://a:8883,b:8883; mqtts:// is encrypted.
        mqtt_ca_file: Certificates of who may sign the broker's, PEM; empty: the authorities that this system trusts.
        mqtt_username: User at the broker; empty connects anonymously.
        mqtt_password_file: File whose first line is that user's password.
        mqtt_wait_secs: How long to wait at start for a broker that does not answer; 0 waits for ever.
        mqtt_max_packet_bytes: Largest MQTT message that the broker accepts, its `max_packet_size`.
        bridge_id: Name in `monty/bridge/v1/<id>/…`; not given: made of the host's name and the state directory.
        influx_partitions: Number of Telegrafs that share the points, by worker; 1: all in `monty/influx/v1/<run>`.
        keep_retained_days: Days after which what is retained of a run that is over is cleared; 0 keeps it.
        drain_secs: How long the bridge goes on publishing after SIGTERM, at most.
        journal: File that keeps accepted messages; empty: none; not given: journal/<id>.sqlite in the state directory.
        journal_mib: Largest size of the journal, MiB; beyond it the oldest frames go, then experiments keep theirs.
        spool: Directory of the spools that the bridge takes up; empty: none; not given: spool in the state directory.
        liveview_url: Address of the page for browsers, for dashboards' links and images; empty: there are none.
        container: Whether it runs inside a container, where it must bind every address to be reachable.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    zmq_host: str = "127.0.0.1"
    zmq_port: int = 5555
    zmq_keys: str = ""
    zmq_users: str = "own"
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 1883
    mqtt_brokers: str = ""
    mqtt_ca_file: str = ""
    mqtt_username: str = ""
    mqtt_password_file: str = ""
    mqtt_wait_secs: float = 0.0
    mqtt_max_packet_bytes: int = 10_000_000
    bridge_id: str = ""
    influx_partitions: int = 1
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
        """Largest message that experiments may send, bytes: the broker's limit, less a topic of usual length."""
        return min(self.mqtt_max_packet_bytes * 99 // 100, LARGEST_FRAME_BYTES)

    @property
    def client_key_file(self) -> str:
        """File with the keys of this machine's own programs; empty if ZMQ is not encrypted."""
        return str(Path(self.zmq_keys, "client.key_secret")) if self.zmq_keys else ""

    @property
    def broker(self) -> BrokerAddress:
        """Address of the broker, and the user."""
        address = broker_address.of_settings(self.mqtt_brokers, self.mqtt_host, self.mqtt_port, self.mqtt_ca_file)
        return address._replace(username=self.mqtt_username or None)


class BridgeOptions(NamedTuple):
    """BridgeOptions holds what the command line asks for."""

    config: BridgeConfig
    healthcheck: bool


_RANGES: dict[str, tuple[float, float]] = {
    "zmq_port": (0, 65_535),
    "mqtt_port": (1, 65_535),
    "mqtt_wait_secs": (0, 86_400),
    "mqtt_max_packet_bytes": (10_000, 268_435_455),
    "influx_partitions": (1, 100),
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
    not_empty=("zmq_host", "mqtt_host"),
)


def load(arguments: Sequence[str], environ: Mapping[str, str]) -> BridgeOptions:
    """Return the settings; flags beat the environment, the environment the file, the file the defaults.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range, or a file cannot be read.
        SystemExit: `--help` was given.
    """
    loaded = _SETTINGS.load(arguments, environ)
    config = _checked(loaded.config)
    if "bridge_id" in loaded.given and not config.bridge_id:
        raise ConfigError("bridge_id", "", "not empty")
    if "journal" not in loaded.given:
        journal = _state_dir(environ) / "journal" / f"{topics.escape(config.bridge_id or 'bridge')}.sqlite"
        config = msgspec.structs.replace(config, journal=str(journal))
    if not config.bridge_id:
        config = msgspec.structs.replace(config, bridge_id=_own_id(environ))
    if "spool" not in loaded.given:
        with suppress(ConfigError):  # a user who names a journal needs no home
            config = msgspec.structs.replace(config, spool=str(_state_dir(environ) / "spool"))
    return BridgeOptions(config, loaded.healthcheck)


def build(settings: Mapping[str, Any]) -> BridgeConfig:
    """Return the settings checked; text is converted to the setting's type.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range.
    """
    return _checked(_SETTINGS.build(settings))


def read_password(config: BridgeConfig) -> str | None:
    """Return the password; None if no file is set.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    return service_settings.read_password(config.mqtt_password_file)


def _checked(config: BridgeConfig) -> BridgeConfig:
    _ = config.broker
    if config.liveview_url and not _WEB_ADDRESS.fullmatch(config.liveview_url):
        raise ConfigError(
            "liveview_url", config.liveview_url, "http:// or https:// and a host, without spaces; or empty"
        )
    if config.zmq_users not in ("own", "any"):
        raise ConfigError("zmq_users", config.zmq_users, "own or any")
    if not (config.container or config.zmq_keys or service_settings.is_loopback(config.zmq_host)):
        raise ConfigError(
            "zmq_host",
            config.zmq_host,
            "an address of this machine's loopback (127.0.0.1, ::1, localhost) where zmq_keys is empty",
        )
    return config


def _own_id(environ: Mapping[str, str]) -> str:
    try:
        return default_bridge_id(_state_dir(environ))
    except ConfigError:  # a user without a home has one bridge on this host
        return default_bridge_id(Path("/"))


def _state_dir(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return Path(environ.get("MONTY_MQTT_STATE_DIR") or Path(home) / "monty-mqtt").expanduser()
    except RuntimeError:
        raise ConfigError("journal", "", "named, or empty on purpose: this user has no home directory") from None
