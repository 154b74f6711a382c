"""Checks the page's settings, which come from flags, environment and a file.

Called by `__main__`, which passes flags and environment in; all other modules see only the `PageConfig` made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.settings import broker_address, service_settings
from monty_mqtt_core.settings.broker_address import BrokerAddress

__all__ = ["ENVIRONMENT_PREFIX", "PageConfig", "PageOptions", "build", "load"]

ENVIRONMENT_PREFIX = "MONTY_MQTT_LIVEVIEW_"


class PageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Holds all settings of the page.

    Attributes:
        host: Address browsers connect to; beyond loopback only with TLS, and with a login for reading too.
        port: Its TCP port; 0 takes a free one.
        login_port: Second TCP port, for a proxy with TLS: visitors through it must log in even to look; 0: none.
        trust_forwarded_for: Whether that proxy's last X-Forwarded-For names the visitor; wrong passwords count by it.
        public_name: Host name under which browsers reach the page beside localhost; several: with commas between them.
        tls_certificate: File with the certificate and its chain, PEM; empty: no TLS.
        tls_key: File with the certificate's private key, PEM.
        mqtt_host: Host of the MQTT broker.
        mqtt_port: TCP port of the MQTT broker.
        mqtt_brokers: The broker's hosts instead, tried in turn, as mqtts://a:8883,b:8883; mqtts:// is encrypted.
        mqtt_ca_file: Certificates of who may sign the broker's, PEM; empty: the authorities that this system trusts.
        mqtt_username: User at the broker; empty connects anonymously.
        mqtt_password_file: File whose first line is that user's password.
        mqtt_client_id: Name of the session at the broker, the same at every start; empty: random, made at first start.
            It is kept in `secrets/liveview_client_id` of the state directory, and nobody else may know it.
        control_username: User at the broker that may write commands.
        control_password_file: Its password; not given: secrets/control.password of the state directory; empty: none.
        login_file: Password that controls runs on the page; not given: secrets/liveview_login in the state directory.
        state_dir: Where recordings and secrets are kept; not given: the directory that all services share.
        panels: Directory of panels of your own, *.js; not given: `panels` in the state directory.
        title: What the page calls itself; empty: Monty LiveView.
        keep_gib: How large the recordings may become, GiB; beyond it the oldest runs are removed; 0: no limit.
        keep_days: Days after which the recording of a finished run is removed; 0 keeps it.
        memory_mib: Memory for the steps of all runs, MiB; beyond it older steps are read from disk when looked at.
        depth_range_metres: Range of the colours of depth images, such as 0:2; empty: decided by all images.
        drain_secs: How long SIGTERM waits for browsers that are being answered.
        container: Inside a container, where the page must listen on every address to be reachable at all.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    login_port: int = 0
    trust_forwarded_for: bool = False
    public_name: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 1883
    mqtt_brokers: str = ""
    mqtt_ca_file: str = ""
    mqtt_username: str = ""
    mqtt_password_file: str = ""
    mqtt_client_id: str = ""
    control_username: str = "control"
    control_password_file: str = ""
    login_file: str = ""
    state_dir: str = ""
    panels: str = ""
    title: str = ""
    keep_gib: float = 20.0
    keep_days: float = 90.0
    memory_mib: float = 1024.0
    depth_range_metres: str = ""
    drain_secs: float = 3.0
    container: bool = False
    log_level: str = "warning"

    @property
    def broker(self) -> BrokerAddress:
        """Address of the broker, without a user."""
        return broker_address.of_settings(self.mqtt_brokers, self.mqtt_host, self.mqtt_port, self.mqtt_ca_file)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the page; for a container, compose.yaml makes sure of that."""
        return self.container or service_settings.is_loopback(self.host)

    @property
    def needs_login_to_read(self) -> bool:
        """Whether visitors must log in before they see anything, on every port."""
        return not self.is_local

    @property
    def public_names(self) -> list[str]:
        """Host names under which browsers may reach the page, in addition to those of loopback."""
        return [name.strip().lower() for name in self.public_name.split(",") if name.strip()]

    @property
    def depth_range(self) -> tuple[float, float] | None:
        """Least and greatest depth of the colours, in metres; None: the images decide."""
        low, _, high = self.depth_range_metres.partition(":")
        return (float(low), float(high)) if high else None


class PageOptions(NamedTuple):
    """Holds what the command line asks for. `given` names the settings that were set explicitly."""

    config: PageConfig
    given: frozenset[str]
    healthcheck: bool


_SETTINGS = service_settings.ServiceSettings(
    PageConfig,
    program="monty-mqtt-liveview",
    description="Shows in the browser what Monty senses, believes and decides, as it comes from an MQTT broker.",
    healthcheck="ask whether the page at this host and port answers and hears its broker: exit 0 or 1",
    environment_prefix=ENVIRONMENT_PREFIX,
    ranges={
        "port": (0, 65_535),
        "login_port": (0, 65_535),
        "mqtt_port": (1, 65_535),
        "keep_gib": (0, 1_048_576),
        "keep_days": (0, 36_500),
        "memory_mib": (16, 1_048_576),
        "drain_secs": (0, 600),
    },
    not_empty=("host", "mqtt_host", "control_username"),
)


def load(arguments: Sequence[str], environ: Mapping[str, str]) -> PageOptions:
    """Return the settings; flags override the environment, the environment the file, the file the defaults.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range, or a file cannot be read.
        SystemExit: `--help` was given.
    """
    loaded = _SETTINGS.load(arguments, environ)
    return PageOptions(_checked(loaded.config), loaded.given, loaded.healthcheck)


def build(settings: Mapping[str, Any]) -> PageConfig:
    """Return the checked settings; text is converted to the type of the setting.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range.
    """
    return _checked(_SETTINGS.build(settings))


def _checked(config: PageConfig) -> PageConfig:
    _ = config.broker
    _check_ways(config)
    _check_depth_range(config)
    return config


def _check_ways(config: PageConfig) -> None:
    if bool(config.tls_certificate) != bool(config.tls_key):
        missing = "tls_key" if config.tls_certificate else "tls_certificate"
        raise ConfigError(missing, "", "given too: a certificate and its key go together")
    if config.trust_forwarded_for and not config.login_port:
        raise ConfigError("trust_forwarded_for", config.trust_forwarded_for, "given with login_port")
    if not config.is_local and not config.tls_certificate:
        raise ConfigError(
            "host",
            config.host,
            "of this machine's loopback (127.0.0.1, ::1, localhost), unless there are tls_certificate and tls_key",
        )


def _check_depth_range(config: PageConfig) -> None:
    try:
        span = config.depth_range
    except ValueError:
        span = (0.0, 0.0)
    if (config.depth_range_metres and span is None) or (span and not 0 <= span[0] < span[1]):
        raise ConfigError(
            "depth_range_metres", config.depth_range_metres, "two numbers, 0 or more, such as 0:2; or empty"
        )
