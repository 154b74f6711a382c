"""This module reads the keys of `experiment.config` that concern the monitor, and checks them once.

Called by `experiment`, with Monty's configuration and the environment; the modules below read neither of them.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Tuple, Union
from urllib.parse import quote

import msgspec

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import DEFAULT_HOST, DEFAULT_PORT

__all__ = ["ENVIRONMENT", "SETTINGS", "TOP_LEVEL", "LiveViewConfig", "Setting"]


class LiveViewConfig(msgspec.Struct, frozen=True, kw_only=True):
    """LiveViewConfig holds how one experiment is monitored. `docs/monty.md` lists the keys with ranges and defaults.

    Attributes:
        enable_liveview: If False, nothing is published; `experiment.broadcaster` exists and does nothing.
        bridge: Bridge on another machine, `tcp://HOST:PORT?key=HEX`, or several with commas, instead of `zmq_host` and
        `zmq_port`.
        zmq_host: Host of the bridge.
        zmq_port: TCP port of the bridge, 1 to 65535.
        liveview_host: Host of the LiveView page, for the address that the experiment prints for its user.
        liveview_port: TCP port of the LiveView page, for that address; `monty-mqtt run` starts the page there.
        sensor_image_throttle_ms: Shortest time between two frames of one sensor, milliseconds; 0 sends every frame.
        run: Id of the run. If empty, it is made from `experiment` or Monty's run name, `started`, and four hex digits.
        group: A name that runs which belong together share; the jobs of one sweep have the same.
        started: Start time of the run, ISO 8601. All processes of a parallel run make the same id from it.
        experiment: Name of the experiment, as the user chose it in Hydra.
        strict: If True, telemetry errors are raised instead of counted.
        log_level: Records of Monty's logger below this level are not sent.
        max_logs_per_sec: Records sent per second and level; further ones are counted. 0 sends no records.
        frames: Whether camera and depth images are sent.
        max_hypotheses: Hypotheses per learning module in one point cloud; 0 sends no clouds.
        hypotheses_per_sec: Clouds of hypotheses per second and learning module.
        object_models: Whether learned points are sent after each training episode.
        flush_secs: Seconds that the end of a run waits until the bridge, if one ever answered, acknowledges the rest.
        window_mib: Memory for messages that no bridge has acknowledged yet, MiB.
        spool_dir: Directory of the files that hold them while no bridge answers. Empty: `spool` in the state directory.
        spool_mib: Largest size of one such file, MiB; 0 writes no file.
        abort_exit_code: Exit code of the process after an abort by command; `python -m monty_mqtt.run` sets 3.
        tally: Path of the file in which a parallel run counts finished episodes; the parent process sets it.
    """

    enable_liveview: bool = True
    bridge: str = ""
    zmq_host: str = DEFAULT_HOST
    zmq_port: int = DEFAULT_PORT
    liveview_host: str = "127.0.0.1"
    liveview_port: int = 8000
    sensor_image_throttle_ms: int = 100
    run: str = ""
    group: str = ""
    started: str = ""
    experiment: str = ""
    strict: bool = False
    log_level: str = "info"
    max_logs_per_sec: int = 20
    frames: bool = True
    max_hypotheses: int = 500
    hypotheses_per_sec: float = 2.0
    object_models: bool = True
    flush_secs: float = 5.0
    window_mib: int = 64
    spool_dir: str = ""
    spool_mib: int = 2048
    abort_exit_code: int = 0
    tally: str = ""

    def page_url(self, run: str) -> str:
        """Return the address at which a user can watch a run, if a page runs where the settings say."""
        host = f"[{self.liveview_host}]" if ":" in self.liveview_host else self.liveview_host
        return f"http://{host}:{self.liveview_port}/run/{quote(topics.escape(run), safe='')}"

    def bridge_arguments(self) -> Dict[str, Any]:
        """Return where the bridge is, as arguments of `ZmqBroadcaster`."""
        if self.bridge:
            return {"bridge": self.bridge}
        return {"zmq_host": self.zmq_host, "zmq_port": self.zmq_port}

    @classmethod
    def of(cls, config: Mapping[str, Any], environ: Mapping[str, str]) -> LiveViewConfig:
        """Return the settings that `experiment.config` and the environment give. The environment wins.

        Args:
            config: Monty's `experiment.config`: a mapping, of which only the keys of the monitor are read.
            environ: The process environment; see `ENVIRONMENT`.

        Raises:
            ConfigError: A key of `liveview` is unknown, or a value is of the wrong type or out of its range.
        """
        values: Dict[str, Any] = {}
        for name in TOP_LEVEL:
            if config.get(name) is not None:
                values[name] = _checked(f"experiment.config.{name}", SETTINGS[name], config.get(name))
        values.update(_section(config.get("liveview") or {}))
        for variable, name in ENVIRONMENT.items():
            if environ.get(variable):
                values[name] = _checked(variable, SETTINGS[name], _from_text(SETTINGS[name], environ[variable]))
        return cls(**values)


class Setting(NamedTuple):
    """Setting says which values a setting accepts: its type and range (of text: the length), or allowed words."""

    kind: type
    low: float = 0
    high: float = 0
    words: Tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return what is allowed, in words."""
        if self.words:
            return f"one of {', '.join(self.words)}"
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return f"text of {self.low:.12g} to {self.high:.12g} characters"
        return f"{'a whole number' if self.kind is int else 'a number'} from {self.low:.12g} to {self.high:.12g}"


_HOST = Setting(str, 1, 253)
_PORT = Setting(int, 1, 65535)
_NAME = Setting(str, 0, 300)
_SWITCH = Setting(bool)

SETTINGS: Dict[str, Setting] = {
    "enable_liveview": _SWITCH,
    "bridge": Setting(str, 0, 4000),
    "zmq_host": _HOST,
    "zmq_port": _PORT,
    "liveview_host": _HOST,
    "liveview_port": _PORT,
    "sensor_image_throttle_ms": Setting(int, 0, 3_600_000),
    "run": _NAME,
    "group": _NAME,
    "started": Setting(str, 0, 40),
    "experiment": _NAME,
    "strict": _SWITCH,
    "log_level": Setting(str, words=("debug", "info", "warning", "error", "critical")),
    "max_logs_per_sec": Setting(int, 0, 1000),
    "frames": _SWITCH,
    "max_hypotheses": Setting(int, 0, 500),
    "hypotheses_per_sec": Setting(float, 0.01, 2),
    "object_models": _SWITCH,
    "flush_secs": Setting(float, 0, 60),
    "window_mib": Setting(int, 1, 4096),
    "spool_dir": Setting(str, 0, 4096),
    "spool_mib": Setting(int, 0, 1_048_576),
    "abort_exit_code": Setting(int, 0, 125),
    "tally": Setting(str, 0, 4096),
}
"""Each setting's accepted values, by the setting's name."""

TOP_LEVEL = (
    "enable_liveview",
    "zmq_host",
    "zmq_port",
    "liveview_host",
    "liveview_port",
    "sensor_image_throttle_ms",
)
"""Settings that stand in `experiment.config` itself; the others stand in `experiment.config.liveview`."""

ENVIRONMENT = {
    "MONTY_MQTT_BRIDGE": "bridge",
    "MONTY_MQTT_ZMQ_HOST": "zmq_host",
    "MONTY_MQTT_ZMQ_PORT": "zmq_port",
    "MONTY_MQTT_LIVEVIEW_HOST": "liveview_host",
    "MONTY_MQTT_LIVEVIEW_PORT": "liveview_port",
    "MONTY_MQTT_RUN": "run",
    "MONTY_MQTT_TALLY": "tally",
}
"""Environment variables that override the configuration; `monty-mqtt run` sets bridge and page by them."""


def _section(section: Any) -> Dict[str, Any]:
    if not hasattr(section, "keys"):
        raise ConfigError("experiment.config.liveview", section, "a mapping of settings")
    values: Dict[str, Any] = {}
    for key in section:
        if key in TOP_LEVEL or key not in SETTINGS:
            raise ConfigError.unknown(f"experiment.config.liveview.{key}", set(SETTINGS) - set(TOP_LEVEL))
        if section[key] is not None:
            values[key] = _checked(f"experiment.config.liveview.{key}", SETTINGS[key], section[key])
    return values


def _checked(key: str, setting: Setting, value: Any) -> Any:
    if setting.words:
        value = value.lower() if isinstance(value, str) else value
        if value not in setting.words:
            raise ConfigError(key, value, str(setting))
        return value
    if setting.kind is float and type(value) is int:
        value = float(value)
    if type(value) is not setting.kind:
        raise ConfigError(key, value, str(setting))
    if setting.kind is not bool and not setting.low <= _size(value) <= setting.high:
        raise ConfigError(key, value, str(setting))
    return value


def _size(value: Any) -> float:
    return float(len(value) if isinstance(value, str) else value)


def _from_text(setting: Setting, text: str) -> Union[int, str]:
    if setting.kind is int and text.strip().isdecimal():
        return int(text)
    return text
