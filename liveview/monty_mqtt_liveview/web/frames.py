"""Serves frames of sensors, clouds of hypotheses, learned models and the user's media over HTTP.

Called by `server`, which adds these routes. The state knows when there was a message, `service` reads its payload from
memory or from the recording, `depth_colours` prepares it for a browser. FastAPI runs each request in a thread.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from fastapi import APIRouter, Response

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import MEDIA_KINDS
from monty_mqtt_core.payloads.frame_images import Metres, checked_jpeg, read_depth
from monty_mqtt_core.payloads.from_mqtt import Cloud, camera_of_image, message_of
from monty_mqtt_liveview import views
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.model_source import model_source
from monty_mqtt_liveview.web import depth_colours
from monty_mqtt_liveview.web.depth_colours import DepthScale
from monty_mqtt_liveview.web.responses import find_run, find_worker, json_answer, name_of, not_found

__all__ = ["Frames"]

_TYPES = {"rgba": "image/jpeg", "depth": "image/png"}
_NOTE = "one scale for all frames of the sensor in this run, without what is far behind them; grey is farther away"
_SO_FAR = "; it grows as long as the run goes on and comes nearer or sees farther"

_clouds = msgspec.json.Decoder(Cloud)


class _BulkPayload(NamedTuple):
    """Holds the payload of a bulk message, with its episode and step."""

    episode: int
    step: int
    payload: bytes


class Frames:
    """Answers requests for frames, clouds, models and media.

    Args:
        service: The state, and the published payloads.
        depth_range: Scale of all sensors, in metres; None: each sensor has its own.
    """

    def __init__(self, service: Service, depth_range: tuple[float, float] | None) -> None:
        self._service = service
        self._fixed = DepthScale(*depth_range) if depth_range else None

    def routes(self) -> APIRouter:
        """Return the routes to add to the application."""
        api = APIRouter()
        for part in (self.frame, self.depth_scale, self.cloud, self.model, self.model_source, self.media, self.medium):
            api.add_api_route(f"/api/run/{{run}}/worker/{{worker}}/{part.__name__}", part)
        api.add_api_route("/run/{run}/latest/{sensor}/{modality}", self.latest)
        return api

    def frame(self, run: str, worker: str, sensor: str, modality: str, row: int | None = None) -> Response:
        """Answer with a sensor's newest image at or before a row; without a row, with the latest."""
        key = ("frame", name_of(sensor), name_of(modality))
        return self._image(name_of(run), key, self._find(run, worker, key, row))

    def latest(self, run: str, sensor: str, modality: str, worker: str | None = None) -> Response:
        """Answer with a sensor's latest image, from this worker, or from the worker that has the newest."""
        key = ("frame", name_of(sensor), name_of(modality))
        wanted = None if worker is None else name_of(worker)
        with self._service.lock:
            workers = [known for known in find_run(self._service, run).workers.values() if wanted in (None, known.name)]
            having = [known for known in workers if key in known.bulk and known.bulk[key].count]
            newest = max(having, key=lambda known: int(known.bulk[key].times[-1]), default=None)
        if newest is None:
            raise not_found(f"run {name_of(run)!r} has published no {key[2]} of sensor {key[1]!r}")
        published = self._find(run, topics.escape(newest.name), key, None)
        return self._image(name_of(run), key, published)

    def depth_scale(self, run: str, worker: str, sensor: str) -> Response:
        """Answer with the scale of a sensor's depth images, and whether it is final."""
        key = ("frame", name_of(sensor), "depth")
        latest = _depth(self._find(run, worker, key, None))
        scale, is_final = self._scale(name_of(run), key[1], latest)
        colours = {
            "colours": depth_colours.VIRIDIS,
            "nearer_colour": depth_colours.NEARER,
            "farther_colour": depth_colours.FARTHER,
        }
        note = _NOTE if is_final else _NOTE + _SO_FAR
        return json_answer({**scale._asdict(), **colours, "is_final": is_final, "note": note})

    def cloud(self, run: str, worker: str, learning_module: str, row: int | None = None) -> Response:
        """Answer with a learning module's hypotheses at a row; without a row, with the latest."""
        key = ("hypotheses", name_of(learning_module))
        published = self._find(run, worker, key, row)
        try:
            cloud = _clouds.decode(published.payload)
        except msgspec.MsgspecError as error:
            raise not_found(f"what was published is no hypothesis cloud: {error}") from None
        names = ("objects", "locations", "evidence", "object_indices")
        shown = {name: getattr(cloud, name) for name in names}
        return json_answer({**shown, "episode": published.episode, "step": published.step})

    def model(self, run: str, worker: str, learning_module: str, object: str) -> Response:  # noqa: A002 - Monty's word
        """Answer with the points of a learned object: x, y, z, ... in metres, float32, little-endian."""
        key = ("object_model", name_of(learning_module), name_of(object))
        published = self._find(run, worker, key, None)
        try:
            _, (points,) = message_of(_topic(name_of(run), name_of(worker), key), published.payload)
        except (DecodeError, ValueError) as error:
            raise not_found(f"what was published is no object model: {error}") from None
        return Response(points, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    def model_source(self, run: str, worker: str, learning_module: str, object: str) -> Response:  # noqa: A002
        """Answer with the run and worker that sent the learned model of an object; null if none did."""
        with self._service.lock:
            shown_run, shown_worker = find_run(self._service, run), find_worker(self._service, run, worker)
            source = model_source(
                self._service.runs, shown_run, shown_worker, name_of(learning_module), name_of(object)
            )
        return json_answer(source)

    def media(self, run: str, worker: str) -> Response:
        """Answer with the names of the media that a worker's program published, and how many there are of each."""
        with self._service.lock:
            return json_answer(views.media(find_worker(self._service, run, worker)))

    def medium(self, run: str, worker: str, kind: str, name: str, place: int = -1) -> Response:
        """Answer with one of them as it was published: a PNG or JPEG, a PLY file, or a message's JSON."""
        key = (kind, name_of(name))
        with self._service.lock:
            known = find_worker(self._service, run, worker)
            if kind not in MEDIA_KINDS or key not in known.bulk:
                raise not_found(f"worker {known.name!r} has published no {' '.join(key)}")
            try:
                where = views.medium_place(known.bulk[key], place)
            except IndexError:
                raise not_found(f"{' '.join(key)} has no place {place}") from None
            time, *_ = known.bulk[key].entry(where["place"])
        payload = self._service.payload(name_of(run), _topic(name_of(run), name_of(worker), key), time)
        if payload is None:
            raise not_found(f"{' '.join(key)} at place {where['place']} was not kept")
        headers = {"X-Monty-Place": msgspec.json.encode(where).decode(), "Cache-Control": "no-store"}
        return Response(payload, media_type=_media_type(kind, payload), headers=headers)

    def _find(self, run: str, worker: str, key: tuple[str, ...], row: int | None) -> _BulkPayload:
        """Return the newest bulk message at or before a row; without a row, the latest."""
        if row is not None:
            self._service.ensure_loaded(name_of(run))
        with self._service.lock:
            known = find_worker(self._service, run, worker)
            time, episode, step = _entry(known, key, row)
        payload = self._service.payload(name_of(run), _topic(name_of(run), name_of(worker), key), time)
        if payload is None:
            raise not_found(f"{' '.join(key)} at step {step} of episode {episode} was not kept")
        return _BulkPayload(episode, step, payload)

    def _image(self, run: str, key: tuple[str, ...], published: _BulkPayload) -> Response:
        headers = {
            "X-Monty-Episode": str(published.episode),
            "X-Monty-Step": str(published.step),
            "Cache-Control": "no-store",
        }
        camera = camera_of_image(published.payload)
        if camera is not None:
            headers["X-Monty-Camera"] = msgspec.json.encode(camera).decode()
        try:
            if key[2] == "rgba":
                content = checked_jpeg(published.payload)
            else:
                depth = _depth(published)
                scale, _ = self._scale(run, key[1], depth)
                content, outside = depth_colours.coloured(depth, scale)
                headers["X-Monty-Depth-Range"] = f"{scale.min_metres:g}:{scale.max_metres:g}"
                headers["X-Monty-Depth-Outside"] = str(outside)
        except DecodeError as error:
            raise not_found(f"{key[2]} of sensor {key[1]!r} cannot be shown: {error}") from None
        return Response(content, media_type=_TYPES.get(key[2], "image/png"), headers=headers)

    def _scale(self, run: str, sensor: str, depth: Metres) -> tuple[DepthScale, bool]:
        """Return the scale of a sensor, and whether it is final; the scale of this frame alone if no other is known."""
        if self._fixed:
            return self._fixed, True
        with self._service.lock:
            known = self._service.runs.by_name.get(run)
            span = known.depths.span(sensor) if known else None
            is_final = known is None or not known.is_live
        return depth_colours.scale_between(*(span or (float(depth.min()), float(depth.max())))), is_final


def _entry(worker: Worker, key: tuple[str, ...], row: int | None) -> tuple[int, int, int]:
    if key not in worker.bulk:
        raise not_found(f"worker {worker.name!r} has published no {' '.join(key)}")
    try:
        entry = views.bulk_latest(worker, key) if row is None else views.bulk_at(worker, row, key)
    except IndexError:
        raise not_found(f"row {row} is not one of the {worker.steps.count} rows of {worker.name!r}") from None
    if entry is None:
        raise not_found(f"worker {worker.name!r} had published no {' '.join(key)} by row {row}")
    return entry


def _depth(published: _BulkPayload) -> Metres:
    try:
        return read_depth(published.payload)
    except DecodeError as error:
        raise not_found(str(error)) from None


def _media_type(kind: str, payload: bytes) -> str:
    if kind == "image":
        return _TYPES["rgba" if payload.startswith(b"\xff\xd8") else "depth"]
    return "application/octet-stream" if kind == "points" else "application/json"


def _topic(run: str, worker: str, key: tuple[str, ...]) -> str:
    return topics.build(run, worker, *key)
