"""Describes images, hypothesis clouds and learned models, and of which step they are. Used by `addresses`, `steps`."""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "BulkPlace",
    "DepthColours",
    "FrameShown",
    "HypothesisCloud",
    "ModelSource",
    "PlaceShown",
]


class BulkPlace(TypedDict):
    """Of which step an image, a hypothesis cloud, a model or a user's medium is.

    Attributes:
        episode: Its episode; -1 if it does not say.
        step: Its step in the episode; -1 if it does not say.
        time_unix_millis: When it was published.
    """

    episode: int
    step: int
    time_unix_millis: int | None


class PlaceShown(BulkPlace):
    """Of which step is what is shown with a step.

    Attributes:
        is_older: Whether it is of an earlier step, because this one has none.
    """

    is_older: bool


class FrameShown(PlaceShown):
    """An image that is shown with a step.

    Attributes:
        sensor: Id of the sensor module.
        modality: `rgba` or `depth`.
    """

    sensor: str
    modality: str


class DepthColours(TypedDict):
    """Scale of a sensor's depth images.

    Attributes:
        min_metres: Depth of the first colour.
        max_metres: Depth of the last colour.
        colours: Colours at even distances, `#rrggbb`; those between are interpolated.
        nearer_colour: Colour of what is nearer than the scale.
        farther_colour: Colour of what is farther away.
        is_final: Whether the scale stays; it may grow as long as the run goes on.
        note: The same in words.
    """

    min_metres: float
    max_metres: float
    colours: list[str]
    nearer_colour: str
    farther_colour: str
    is_final: bool
    note: str


class HypothesisCloud(TypedDict):
    """Hypotheses of a learning module; the lists are equally long, but for `objects`.

    Attributes:
        objects: Names of the objects.
        locations: Location x, y, z of each hypothesis, metres.
        evidence: Evidence of each hypothesis.
        object_indices: Object of each hypothesis, as its place in `objects`.
        episode: Episode of the step that they belong to.
        step: That step.
    """

    objects: list[str]
    locations: list[list[float | None]]
    evidence: list[float | None]
    object_indices: list[int]
    episode: int
    step: int


class ModelSource(TypedDict):
    """Who sent the learned model of an object.

    Attributes:
        run: Id of the run.
        worker: Its worker.
        is_certain: Whether it is certainly the model that the worker asked about uses.
    """

    run: str
    worker: str
    is_certain: bool
