"""Reports whether the page works, for `/healthz` and for `--healthcheck`.

`server` answers with `health`; `__main__` requests it with `ask`, which loads no part of the service.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from monty_mqtt_liveview.settings import PageConfig

if TYPE_CHECKING:
    from monty_mqtt_liveview.intake.service import Service
    from monty_mqtt_liveview.intake.subscription import Subscription

__all__ = ["ask", "health"]

_ANSWER_SECS = 4.0


def health(service: Service) -> dict[str, Any]:
    """Return `status` (`ok`, or what is wrong), `problems` that the user should know, and `restoring`, the progress."""
    problems = service.problems()
    status = _word(service.subscription, problems)
    return {"status": status, "problems": problems, "restoring": service.restoring}


def _word(subscription: Subscription, problems: Sequence[str]) -> str:
    """Return `ok` if there is no problem; else the problem, shortened to what visitors without a login may read."""
    if subscription.is_taken:
        return "its session is taken by another client"
    if not subscription.is_connected:
        return "refused by the broker" if subscription.refused else "no broker"
    if subscription.is_silent:
        return "no answer from the broker"
    return problems[0].partition(":")[0] if problems else "ok"


def ask(config: PageConfig) -> tuple[bool, str]:
    """Return whether the page at these settings answers and works, and a line that says so."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104 - compared, not bound
    url = f"{'https' if config.tls_certificate else 'http'}://{host}:{config.port}"
    try:
        status = _status(config, host)
    except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
        return False, f"no page at {url}: {getattr(error, 'strerror', None) or error}"
    return status == "ok", f"page at {url}: {status}"


def _status(config: PageConfig, host: str) -> str:
    if config.tls_certificate:
        context = ssl.create_default_context()
        # We connect to ourselves by address, and the certificate is for a host name.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        line: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, config.port, timeout=_ANSWER_SECS, context=context
        )
    else:
        line = http.client.HTTPConnection(host, config.port, timeout=_ANSWER_SECS)
    try:
        line.request("GET", "/healthz")
        answer = line.getresponse()
        return str(msgspec.json.decode(answer.read()).get("status", answer.reason))
    finally:
        line.close()
