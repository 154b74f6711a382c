"""Sets up InfluxDB 2: organisation, buckets, tokens. It is the only user of InfluxDB's client library.

`provision` is called before each start of Telegraf, by Grafana's start, and once by compose.yaml's `setup`. It creates
what is missing and changes nothing else, so it can be repeated at will, and completes an interrupted setup: what must
be known afterwards is written to its file before InfluxDB receives it, and a token whose value did not reach its file
is made again.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.onboarding_request import OnboardingRequest
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.rest import ApiException
from influxdb_client.service.setup_service import SetupService
from urllib3.exceptions import HTTPError

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import passwords
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.influxdb import LOGS, METRICS, InfluxDB

__all__ = ["GRAFANA_TOKEN", "TELEGRAF_TOKEN", "provision"]

TELEGRAF_TOKEN = "influxdb_telegraf_token"  # noqa: S105 - the name of its file
"""Name of a token, and of its file: it may write to our buckets, and read nothing."""
GRAFANA_TOKEN = "influxdb_grafana_token"  # noqa: S105
"""Name of a token, and of its file: it may read our buckets, and write nothing."""

_ADMIN = "admin"
_ADMIN_TOKEN, _ADMIN_PASSWORD = "influxdb_admin_token", "influxdb_admin_password"
_ACTIONS = {TELEGRAF_TOKEN: "write", GRAFANA_TOKEN: "read"}
_RETENTION_SECS = {METRICS: 0, LOGS: 30 * 24 * 3600}
_TIMEOUT_MS = 10_000
_REFUSED, _UNKNOWN = 401, 404


def provision(state: StateDir, influxdb: InfluxDB) -> None:
    """Create what an InfluxDB lacks, and the files of its tokens.

    A new InfluxDB is set up; an InfluxDB that was set up before must accept the token in secrets/influxdb_admin_token.

    Raises:
        ServiceError: InfluxDB does not answer, or does not accept that token.
    """
    token = passwords.ensure_file(state, _ADMIN_TOKEN)
    password = passwords.ensure_file(state, _ADMIN_PASSWORD)
    with _told(state, influxdb), InfluxDBClient(influxdb.url, token, org=influxdb.org, timeout=_TIMEOUT_MS) as client:
        setup = SetupService(client.api_client)
        if setup.get_setup().allowed:
            setup.post_setup(
                OnboardingRequest(username=_ADMIN, password=password, org=influxdb.org, bucket=METRICS, token=token)
            )
        org_id = _organisation(client, influxdb.org)
        buckets = [_bucket(client, org_id, name, secs) for name, secs in _RETENTION_SECS.items()]
        for name, action in _ACTIONS.items():
            _token(state, client, name, org_id, [_permission(action, org_id, bucket) for bucket in buckets])


def _organisation(client: InfluxDBClient, name: str) -> str:
    organisations = client.organizations_api()
    existing = _found(lambda: organisations.find_organizations(org=name))
    return str((existing[0] if existing else organisations.create_organization(name=name)).id)


def _bucket(client: InfluxDBClient, org_id: str, name: str, retention_secs: int) -> str:
    buckets = client.buckets_api()
    existing = _found(lambda: buckets.find_buckets(org_id=org_id, name=name).buckets)
    rules = BucketRetentionRules(type="expire", every_seconds=retention_secs)
    return str(
        (existing[0] if existing else buckets.create_bucket(bucket_name=name, org=org_id, retention_rules=rules)).id
    )


def _found(find: Callable[[], list[Any]]) -> list[Any]:
    """Return what has this name; InfluxDB answers 404 if there is nothing, which becomes an empty list."""
    try:
        return find()
    except ApiException as error:
        if error.status == _UNKNOWN:
            return []
        raise


def _permission(action: str, org_id: str, bucket_id: str) -> Permission:
    return Permission(action=action, resource=PermissionResource(type="buckets", id=bucket_id, org_id=org_id))


def _token(state: StateDir, client: InfluxDBClient, name: str, org_id: str, permissions: list[Permission]) -> None:
    """Make a token unless a valid one is in its file: InfluxDB shows a token's value only once, when it is made."""
    authorizations, path = client.authorizations_api(), state.secrets / name
    description = f"monty_mqtt: {name}"
    ours = [known for known in authorizations.find_authorizations(org_id=org_id) if known.description == description]
    if len(ours) == 1 and _same(ours[0].permissions, permissions) and path.exists():
        url = client.api_client.configuration.host
        if ours[0].status == "active" and _is_taken(url, path.read_text()):
            return
    for outdated in ours:
        authorizations.delete_authorization(outdated)
    wanted = Authorization(org_id=org_id, permissions=permissions)
    wanted.description = description
    authorization = authorizations.create_authorization(authorization=wanted)
    state.write_private(path, authorization.token.encode())  # without a newline: Telegraf would send it too


def _same(have: Iterable[Permission], wanted: Iterable[Permission]) -> bool:
    return _keys(have) == _keys(wanted)


def _keys(permissions: Iterable[Permission]) -> set[tuple[Any, ...]]:
    return {(allowed.action, allowed.resource.type, allowed.resource.id) for allowed in permissions}


def _is_taken(url: str, token: str) -> bool:
    """Return whether InfluxDB knows a token, whatever the token allows."""
    request = urllib.request.Request(f"{url}/api/v2/orgs", headers={"Authorization": f"Token {token.strip()}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_MS / 1000):  # noqa: S310 - a URL of ours
            return True
    except urllib.error.HTTPError as error:
        return error.code != _REFUSED


@contextmanager
def _told(state: StateDir, influxdb: InfluxDB) -> Iterator[None]:
    """Turn the client library's errors into messages for the user."""
    try:
        yield
    except ApiException as error:
        if error.status == _REFUSED:
            raise ServiceError(
                f"InfluxDB at {influxdb.url} does not take the token in {state.secrets / _ADMIN_TOKEN}: "
                "put one of its own there that may do everything in its organisation"
            ) from None
        raise ServiceError(
            f"InfluxDB at {influxdb.url} refuses: {error.status} {error.message or error.body}"
        ) from None
    except (HTTPError, OSError) as error:
        raise ServiceError(f"no InfluxDB answers at {influxdb.url}: {error}") from None
