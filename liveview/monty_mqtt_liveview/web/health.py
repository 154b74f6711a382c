"""Whether the page is well, for `/healthz` and for `--healthcheck` beside it.

Place in the flow: `server` answers with `health`; `__main__` asks with `ask`, without loading any of the service.
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
    """Return `status`, which is `ok` or what is wrong, what the page's user should know, and what is being restored."""
    problems = service.problems()
    status = _word(service.subscription, problems)
    return {"status": status, "problems": problems, "restoring": service.restoring}


def _word(subscription: Subscription, problems: Sequence[str]) -> str:
    """Return `ok` only where there is no problem; else the problem without what only who may look should read."""
    if subscription.is_taken:
        return "its session is taken by another client"
    if not subscription.is_connected:
        return "refused by the broker" if subscription.refused else "no broker"
    if subscription.is_silent:
        return "no answer from the broker"
    return problems[0].partition(":")[0] if problems else "ok"


def ask(config: PageConfig) -> tuple[bool, str]:
    """Return whether the page at these settings answers and is well, and one line about it."""
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
        # Ourselves, at our own address, and the certificate is for a name.
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
