"""Describes answers that are no JSON, and what a user's program published to look at. Used by `addresses`."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

__all__ = ["IMAGE", "MEDIUM", "OF_MEDIUM", "Media", "MediumHead"]


class Media(NamedTuple):
    """Names the media types of an answer that is not JSON, and says what is in it."""

    types: tuple[str, ...]
    meaning: str


class MediumHead(TypedDict):
    """What a user's program published under a name, and of which step the newest is.

    Attributes:
        kind: `image`, `points`, `histogram` or `table`.
        name: Its name.
        count: How many there are.
        place: Which of them it is, from 0.
        episode: Its episode, if the program said so.
        step: Its step, if the program said so.
        time_unix_millis: When it was published.
    """

    kind: str
    name: str
    count: int
    place: int
    episode: int | None
    step: int | None
    time_unix_millis: int | None


IMAGE = Media(
    ("image/jpeg", "image/png"),
    "colour as JPEG, depth as PNG in the colours of `depth_scale`; headers `X-Monty-Episode`, `X-Monty-Step`, and "
    "`X-Monty-Camera`: from where and how wide it was seen, JSON as in docs/wire.md, if Monty says it",
)
MEDIUM = Media(
    ("image/jpeg", "image/png", "application/octet-stream", "application/json"),
    "as it was published: an image, a PLY file, or the message of a histogram or table; header `X-Monty-Place`: which "
    "one it is, as in `media`",
)
OF_MEDIUM = {
    "kind": "`image`, `points`, `histogram` or `table`",
    "name": "Its name",
    "place": "Which of that name, from 0; a negative one counts from the end",
}
"""What the parameters mean."""
