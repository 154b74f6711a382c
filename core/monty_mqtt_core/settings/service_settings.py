"""This module reads a service's settings from flags, environment and file, and checks them once.

Called by bridge and page, each with a frozen Struct that describes its settings. Needs Python 3.11 for a file.
"""

from __future__ import annotations

import ipaddress
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, FrozenSet, Generic, Mapping, Optional, Sequence, Tuple, Type, TypeVar

import msgspec

from monty_mqtt.errors import ConfigError

__all__ = ["Loaded", "ServiceSettings", "is_loopback", "read_password"]

LOG_LEVELS = ("debug", "info", "warning", "error")

ConfigT = TypeVar("ConfigT", bound=msgspec.Struct)


@dataclass(frozen=True)
class Loaded(Generic[ConfigT]):
    """Loaded holds what the command line asks for.

    Attributes:
        config: The settings.
        given: Names of the settings that were given anywhere.
        healthcheck: Whether a health check is asked for, instead of the service.
    """

    config: ConfigT
    given: FrozenSet[str]
    healthcheck: bool


class ServiceSettings(Generic[ConfigT]):
    """ServiceSettings describes the settings of one service.

    Args:
        kind: A frozen Struct; each field is text, a number or a switch, has a default, and a line in the docstring.
        program: Name of the command.
        description: What the service does, for `--help`.
        healthcheck: The help text of `--healthcheck`.
        environment_prefix: The prefix of the names of its environment variables.
        ranges: Least and greatest value, by the setting's name.
        not_empty: Names of text settings that must not be empty.
    """

    def __init__(
        self,
        kind: Type[ConfigT],
        *,
        program: str,
        description: str,
        healthcheck: str,
        environment_prefix: str,
        ranges: Mapping[str, Tuple[float, float]],
        not_empty: Sequence[str],
    ) -> None:
        self._kind = kind
        self._program, self._description, self._healthcheck = program, description, healthcheck
        self._prefix, self._ranges, self._not_empty = environment_prefix, ranges, not_empty
        self._types: Dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(kind)}

    def load(self, arguments: Sequence[str], environ: Mapping[str, str]) -> Loaded[ConfigT]:
        """Return the settings; flags beat the environment, the environment the file, the file the defaults.

        Raises:
            ConfigError: A setting is unknown, of the wrong type or out of range, or a file cannot be read.
            SystemExit: `--help` was given.
        """
        known, rest = self._parser().parse_known_args(arguments)
        if rest:
            raise ConfigError.unknown(rest[0].partition("=")[0], [_flag(name) for name in (*self._types, "config")])
        flags = {name: value for name, value in vars(known).items() if value is not None}
        healthcheck = bool(flags.pop("healthcheck", False))
        from_environment = self._from_environment(environ)
        file = flags.pop("config", None) or from_environment.pop("config", None)
        given = {**(_from_file(file) if file else {}), **from_environment, **flags}
        return Loaded(self.build(given), frozenset(given), healthcheck)

    def build(self, settings: Mapping[str, Any]) -> ConfigT:
        """Return the settings, each checked; text is converted to the setting's type.

        Raises:
            ConfigError: A setting is unknown, of the wrong type or out of range.
        """
        for name in settings:
            if name not in self._types:
                raise ConfigError.unknown(name, self._types)
        config = self._kind(**{name: self._typed(name, value) for name, value in settings.items()})
        level = getattr(config, "log_level", LOG_LEVELS[0])
        if level not in LOG_LEVELS:
            raise ConfigError("log_level", level, f"one of {', '.join(LOG_LEVELS)}")
        for name in self._not_empty:
            if not getattr(config, name):
                raise ConfigError(name, "", "not empty")
        return config

    def _typed(self, name: str, value: Any) -> Any:
        kind = self._types[name]
        allowed = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]
        try:
            value = msgspec.convert(value, kind, strict=not isinstance(value, str))
        except msgspec.ValidationError:
            raise ConfigError(name, value, allowed) from None
        low, high = self._ranges.get(name, (float("-inf"), float("inf")))
        if name in self._ranges and not low <= value <= high:
            raise ConfigError(name, value, f"{allowed} from {low:g} to {high:g}")
        return value

    def _from_environment(self, environ: Mapping[str, str]) -> Dict[str, Any]:
        names = {name: name[len(self._prefix) :].lower() for name in environ if name.startswith(self._prefix)}
        for name, setting in names.items():
            if setting not in (*self._types, "config"):
                raise ConfigError.unknown(name, [self._prefix + known.upper() for known in self._types])
        return {setting: environ[name] for name, setting in names.items()}

    def _parser(self) -> ArgumentParser:
        parser = ArgumentParser(
            prog=self._program,
            description=self._description,
            epilog=f"Each setting is also {self._prefix}<NAME> in the environment, and <name> in the file.\n"
            "Flags beat the environment, the environment the file.\n"
            "Exit codes: 0 stopped or healthy, 1 not healthy, 2 wrong use, or refused by the broker.",
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        described = _descriptions(self._kind)
        for field in msgspec.structs.fields(self._kind):
            text = f"{described[field.name]} [{field.default}]"
            parser.add_argument(_flag(field.name), metavar=field.type.__name__.upper(), help=text)
        parser.add_argument("--config", metavar="FILE", help="TOML file with settings by name")
        parser.add_argument("--healthcheck", action="store_const", const=True, help=self._healthcheck)
        return parser


def read_password(path: str, key: str = "mqtt_password_file") -> Optional[str]:
    """Return the password in the first line of a file; None if no file is set.

    Args:
        path: Path of the file; empty for no file.
        key: Name of the setting, for the error.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    if not path:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(key, path, f"a file that can be read ({_reason(error)})") from None
    if not lines or not lines[0]:
        raise ConfigError(key, path, "a file with the password in its first line; it is empty")
    return lines[0]


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address; the address may be in brackets."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _from_file(path: str) -> Dict[str, Any]:
    import tomllib  # noqa: PLC0415 - Python 3.8 has no such module, and imports this one

    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError("config", path, f"a TOML file that can be read ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _descriptions(kind: Type[msgspec.Struct]) -> Dict[str, str]:
    """Read the settings' descriptions from the docstring of the Struct."""
    lines = (kind.__doc__ or "").partition("Attributes:")[2].splitlines()
    pairs = (line.strip().partition(": ") for line in lines if ": " in line)
    return {name: text.rstrip(".").replace("%", "%%") for name, _, text in pairs}
