"""Describes one address of the page for programs, and what the names of its parameters mean.

Used by `addresses`, which lists them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["MEANINGS", "Address"]


class Address(NamedTuple):
    """Describes an address.

    Attributes:
        answers: Type of its JSON, or the media.
        summary: What it is for.
        example: A request; `RUN` stands for the id of a run.
        body: Type of the JSON that is sent to it.
        sent: An example of that.
        refusals: Statuses of its refusals, and when.
        also: Other statuses with an answer of that type, and when.
        meanings: What its parameters mean, where that is not as in `MEANINGS`.
        is_live: Whether it is a WebSocket, whose messages are of that type.
    """

    answers: Any
    summary: str
    example: str
    body: Any = None
    sent: str = ""
    refusals: Mapping[int, str] = MappingProxyType({})
    also: Mapping[int, str] = MappingProxyType({})
    meanings: Mapping[str, str] = MappingProxyType({})
    is_live: bool = False


MEANINGS = {
    "run": "Id of the run",
    "worker": "Name of the worker; without it, all",
    "mode": "`train` or `eval`",
    "episode": "Number of the episode in its mode, from 0",
    "step": "Step in the episode, from 0",
    "row": "Row of the step in the worker's table; a negative one counts from the end",
    "first": "First row",
    "last": "Last row; without it, the newest",
    "points": "How many at most",
    "level": "The least severe level: `debug`, `info`, `warning`, `error`, `critical`",
    "search": "Text to look for, in upper or lower case",
    "count": "How many at most, the newest",
    "before": "Only those with a lower number",
    "most": "How many at most",
    "like": "Patterns as in a shell, `loss*`, one of which the name must fit; they are the order, too",
    "stretches": "First and last row of each, in up to 2,000 characters",
    "name": "Name of the metric",
    "stream": "Name of the data stream",
    "sensor": "Id of the sensor module",
    "modality": "`rgba` or `depth`",
    "learning_module": "Id of the learning module",
    "object": "Id of the object's graph",
}
"""What a parameter means, by its name."""
