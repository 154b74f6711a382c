"""This module is what publishes media for the user's code: images, points, histograms, tables.

`broadcaster` is one; hands to `media_calls`, which checks and copies, then to `outbox`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from monty_mqtt.broadcast import media_calls
from monty_mqtt.broadcast.user_calls import QUEUED, AwaitableResult

if TYPE_CHECKING:
    from monty_mqtt.broadcast.call_lock import CallLock
    from monty_mqtt.broadcast.outbox import Outbox

__all__ = ["MediaPublisher"]


class MediaPublisher:
    """MediaPublisher publishes media; a wrong or too large one is counted as an error, and logged once."""

    enabled: bool
    _call_lock: CallLock
    _outbox: Outbox

    def publish_image(self, /, name: str, image: Any, **metadata: Any) -> AwaitableResult:
        """Publish an image; like a sensor's, it is dropped and counted while the bridge is away or slow.

        Args:
            name: Its name.
            image: An array of shape (height, width) or (height, width, channels), with 1, 3 or 4 channels of uint8
                (0 to 255), bool or floating point numbers (0 to 1); the bytes of a PNG or JPEG file, at most 8 MiB; a
                PIL image; or a matplotlib figure, which is drawn now. At most 4096 pixels a side and 32 MiB of pixels.
            **metadata: Further values, such as `step` and `epoch`; at most 16 KiB as JSON.
        """
        return self._publish_media(media_calls.image, name, image, metadata)

    def publish_points(
        self, /, name: str, xyz: Any, colours: Any = None, sizes: Any = None, **metadata: Any
    ) -> AwaitableResult:
        """Publish a point cloud; like an image, it is dropped and counted while the bridge is away or slow.

        Args:
            name: Its name.
            xyz: An array or lists of shape (count, 3), at most 400,000 points; metres if it belongs to Monty's world.
            colours: An array or lists of shape (count, 3), or (count, 4) with opacity: whole numbers 0 to 255, or
                floating point numbers 0 to 1.
            sizes: An array or a list of shape (count,).
            **metadata: As for an image.
        """
        return self._publish_media(media_calls.points, name, xyz, colours, sizes, metadata)

    def publish_histogram(
        self, /, name: str, values: Any = None, *, counts: Any = None, edges: Any = None, **metadata: Any
    ) -> AwaitableResult:
        """Publish a histogram: of values, which the bridge counts in 64 bins, or of what you counted yourself.

        Args:
            name: Its name.
            values: An array of any shape, or a list; at most 500,000 numbers. NaN and infinity are counted apart.
            counts: Instead of values: how many lie in each bin, at most 4096 bins.
            edges: With counts: the borders of the bins, ascending, one more than counts.
            **metadata: As for an image.
        """
        return self._publish_media(media_calls.histogram, name, values, counts, edges, metadata)

    def publish_table(self, /, name: str, columns: Any, rows: Any, **metadata: Any) -> AwaitableResult:
        """Publish a table of numbers, texts, truth values and gaps (None).

        Args:
            name: Its name.
            columns: Names of the columns, at most 1000.
            rows: An array or a list of rows, each with one value for each column; at most 50,000 values and 4 MiB.
            **metadata: As for an image.
        """
        return self._publish_media(media_calls.table, name, columns, rows, metadata)

    def _publish_media(self, make: Callable[..., media_calls.MediaCall], *args: Any) -> AwaitableResult:
        if self.enabled:
            self._call_lock.run(self._take_media, make, args)
        return QUEUED

    def _take_media(self, make: Callable[..., media_calls.MediaCall], args: Any) -> None:
        kind, fields, non_finite, buffers = make(*args)
        self._outbox.non_finite += non_finite
        self._outbox.take(kind, buffers, fields)
