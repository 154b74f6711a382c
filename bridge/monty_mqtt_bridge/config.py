"""Settings of the bridge, from flags, environment and file, checked once at the edge.

Place in the flow: `__main__` builds one `BridgeConfig` here; below it nobody reads flags or the environment.
"""

from __future__ import annotations

import ipaddress
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import tomllib

from monty_mqtt import topics
from monty_mqtt.errors import ConfigError

__all__ = ["ENVIRONMENT_PREFIX", "BridgeConfig", "Options", "build", "load", "read_password"]

ENVIRONMENT_PREFIX = "MONTY_MQTT_BRIDGE_"
_LOG_LEVELS = ("debug", "info", "warning", "error")


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
    container: bool = False
    log_level: str = "info"

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
_TYPES: dict[str, type] = {field.name: field.type for field in msgspec.structs.fields(BridgeConfig)}


def load(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Return the settings; flags beat the environment, the environment the file, the file the defaults.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range, or a file cannot be read.
        SystemExit: `--help`.
    """
    known, rest = _parser().parse_known_args(arguments)
    if rest:
        raise ConfigError.unknown(rest[0].partition("=")[0], [_flag(name) for name in (*_TYPES, "config")])
    flags = {name: value for name, value in vars(known).items() if value is not None}
    healthcheck = bool(flags.pop("healthcheck", False))
    from_environment = _from_environment(environ)
    file = flags.pop("config", None) or from_environment.pop("config", None)
    from_file = _from_file(file) if file else {}
    config = build({**from_file, **from_environment, **flags})
    if "journal" not in {**from_file, **from_environment, **flags}:
        config = msgspec.structs.replace(config, journal=_default_journal(config, environ))
    return Options(config, healthcheck)


def build(settings: Mapping[str, Any]) -> BridgeConfig:
    """Return the settings checked; text is turned into what the setting is.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range.
    """
    for name in settings:
        if name not in _TYPES:
            raise ConfigError.unknown(name, _TYPES)
    config = BridgeConfig(**{name: _typed(name, value) for name, value in settings.items()})
    if config.log_level not in _LOG_LEVELS:
        raise ConfigError("log_level", config.log_level, f"one of {', '.join(_LOG_LEVELS)}")
    for name in ("zmq_host", "mqtt_host", "bridge_id"):
        if not getattr(config, name):
            raise ConfigError(name, "", "not empty")
    if not config.container and not _is_loopback(config.zmq_host):
        raise ConfigError(
            "zmq_host", config.zmq_host, "an address of this machine's loopback (127.0.0.1, ::1, localhost)"
        )
    return config


def read_password(config: BridgeConfig) -> str | None:
    """Return the password, None where no file is set.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    path = config.mqtt_password_file
    if not path:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("mqtt_password_file", path, f"a file that can be read ({_reason(error)})") from None
    if not lines or not lines[0]:
        raise ConfigError("mqtt_password_file", path, "a file with the password in its first line; it is empty")
    return lines[0]


def _typed(name: str, value: Any) -> Any:
    kind = _TYPES[name]
    allowed = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]
    try:
        value = msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError:
        raise ConfigError(name, value, allowed) from None
    low, high = _RANGES.get(name, (float("-inf"), float("inf")))
    if name in _RANGES and not low <= value <= high:
        raise ConfigError(name, value, f"{allowed} from {low:g} to {high:g}")
    return value


def _default_journal(config: BridgeConfig, environ: Mapping[str, str]) -> str:
    home = environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        state = Path(environ.get("MONTY_MQTT_STATE_DIR") or Path(home) / "monty-mqtt").expanduser()
    except RuntimeError:
        raise ConfigError("journal", "", "named, or empty on purpose: this user has no home directory") from None
    return str(state / "journal" / f"{topics.escape(config.bridge_id)}.sqlite")


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {name: name[len(ENVIRONMENT_PREFIX) :].lower() for name in environ if name.startswith(ENVIRONMENT_PREFIX)}
    for name, setting in names.items():
        if setting not in (*_TYPES, "config"):
            raise ConfigError.unknown(name, [ENVIRONMENT_PREFIX + known.upper() for known in _TYPES])
    return {setting: environ[name] for name, setting in names.items()}


def _from_file(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("config", path, f"a TOML file that can be read ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="monty-mqtt-bridge",
        description="Takes messages from experiments over ZMQ and publishes them over MQTT.",
        epilog=f"Each setting is also {ENVIRONMENT_PREFIX}<NAME> in the environment, and <name> in the file.\n"
        "Flags beat the environment, the environment the file.\n"
        "Exit codes: 0 stopped or healthy, 1 not healthy, 2 wrong use, or refused by the broker.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    described = _descriptions()
    for field in msgspec.structs.fields(BridgeConfig):
        text = f"{described[field.name]} [{field.default}]"
        parser.add_argument(_flag(field.name), metavar=field.type.__name__.upper(), help=text)
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings by name")
    parser.add_argument(
        "--healthcheck", action="store_const", const=True, help="ask whether the bridge of this id runs: exit 0 or 1"
    )
    return parser


def _descriptions() -> dict[str, str]:
    """Read the settings' descriptions where they stand, in the docstring of `BridgeConfig`."""
    lines = (BridgeConfig.__doc__ or "").partition("Attributes:")[2].splitlines()
    pairs = (line.strip().partition(": ") for line in lines if ": " in line)
    return {name: text.rstrip(".").replace("%", "%%") for name, _, text in pairs}
