"""This module makes the page's addresses of runs and frames, for dashboards, which cannot show MQTT.

Called by `outlet` for each run's status and each frame; `points` makes points of the addresses. The page is
`monty_mqtt_liveview`; its addresses have names escaped as in topics, then percent-encoded.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlencode

from monty_mqtt.wire.schema import Frame
from monty_mqtt.wire.topics import escape
from monty_mqtt_bridge.receive.sender import Key

__all__ = ["PageLinks"]

_FRAME_SECS = 1.0
"""A dashboard is refreshed once a second; more addresses would never be read."""


class PageLinks:
    """PageLinks makes addresses of one page.

    Args:
        base: Address of the page for browsers; if empty, there is no page, and no addresses.
    """

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")
        self._made_at: dict[Key, dict[tuple[str, str], float]] = {}

    def of_run(self, run: str) -> str | None:
        """Return the address at which the page shows a run; None without a page."""
        return f"{self._base}/run/{_level(run)}" if self._base else None

    def of_frame(self, frame: Frame, now: float) -> str | None:
        """Return the address of a sensor's latest frame, a new one for each frame; None if one was made a moment ago.

        Args:
            frame: The frame that is published now.
            now: Monotonic seconds.
        """
        made_at = self._made_at.setdefault((frame.run, frame.worker), {})
        image = (frame.sensor, frame.modality)
        if not self._base or now - made_at.get(image, -_FRAME_SECS) < _FRAME_SECS:
            return None
        made_at[image] = now
        which = urlencode({"worker": escape(frame.worker), "serial": frame.time_unix_nanos})
        return f"{self.of_run(frame.run)}/latest/{_level(frame.sensor)}/{_level(frame.modality)}?{which}"

    def forget(self, key: Key) -> None:
        """Forget the workers of a name."""
        self._made_at.pop(key, None)


@lru_cache(maxsize=4096)
def _level(name: str) -> str:
    return quote(escape(name), safe="", errors="surrogatepass")
