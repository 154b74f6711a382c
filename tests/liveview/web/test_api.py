"""What programs read of the page: the demo's two runs, whole, with their images."""

from __future__ import annotations

import io
import json
import math
import struct
import time
from urllib.parse import quote

import numpy as np
import pytest
from kit.bridge import config_for, make
from kit.page.page_process import PageProcess, replay
from kit.page.teller import Teller
from PIL import Image

from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.payloads.frame_images import encode_frame
from monty_mqtt_core.payloads.image_files import encode_image
from monty_mqtt_core.payloads.to_mqtt import fan_out
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber

RUN_HEAD = {
    *(
        "run",
        "experiment",
        "mode",
        "status",
        "stalled",
        "started_unix_millis",
        "newest_unix_millis",
        "ended_unix_millis",
    ),
    *("elapsed_secs", "episodes_done", "episodes_expected", "modes"),
    *("estimated_end_unix_millis", "lost", "dropped", "workers", "worker_statuses", "host", "recorded_bytes", "steps"),
    "monitor_micros_per_step",
}


@pytest.fixture(scope="module")
def demo(page, broker):
    """The ids of the demo's two runs, as the page has them."""
    with Bridge(config_for(broker, bridge_id="of-the-demo")) as bridge:
        runs = replay(bridge.zmq_port)
        for run in runs:
            page.until_json(f"/api/run/{run}", lambda answer: answer["run"]["status"] == "completed")
        yield runs


@pytest.fixture
def recognising(demo):
    return f"/api/run/{demo[1]}"


def test_runs_are_listed(page, demo):
    heads = {run_head["run"]: run_head for run_head in page.json("/api/runs")}
    assert set(demo) <= heads.keys()
    head = heads[demo[1]]
    assert head.keys() >= RUN_HEAD
    assert (head["status"], head["episodes_done"], head["workers"]) == ("completed", 12, 1)
    assert head["recorded_bytes"] > 0


@pytest.mark.usefixtures("demo")
def test_what_became_of_the_messages_is_counted(page):
    counts = page.json("/api/recording")
    assert counts.keys() == {"recorded", "repeated", "unreadable", "missing", "frames_missing", "lost"}
    assert counts["recorded"] > 3000
    assert (counts["missing"], counts["lost"]) == (0, 0)


def test_a_run_has_its_workers_and_what_is_run(page, recognising):
    answer = page.json(recognising)
    assert [worker_head["worker"] for worker_head in answer["workers"]] == ["main"]
    assert answer["info"]["experiment"] == "monty_mqtt_demo_recognise"
    assert answer["info"]["config"]


def test_episodes_and_results(page, recognising):
    episodes = page.json(f"{recognising}/episodes")
    assert [episode["episode"] for episode in episodes] == list(range(12))
    assert episodes == page.json(f"{recognising}/episodes?worker=main")
    answer = page.json(f"{recognising}/results")
    assert list(answer) == ["eval"]
    results = answer["eval"]
    assert results["episodes_done"] == 12
    assert results["correct"] == sum(episode["correct"] for episode in episodes)
    assert sum(map(sum, results["confusion"]["all"])) == 12


def test_steps_are_as_many_as_are_asked_for(page, recognising):
    whole = page.json(f"{recognising}/worker/main/steps?points=20000")
    steps = page.json(f"{recognising}/worker/main/steps?points=50&first=10&last=200")
    assert whole["row"] == list(range(len(whole["row"])))
    assert len(steps["row"]) <= 50
    assert (steps["row"][0], steps["row"][-1]) == (10, 200)
    assert len(steps["learning_modules"]) == 5


def test_a_moment_has_everything_of_its_step(page, recognising):
    row = page.json(f"{recognising}/worker/main/find?mode=eval&episode=3&step=5")["row"]
    moment = page.json(f"{recognising}/worker/main/moment?row={row}")
    assert (moment["mode"], moment["episode"], moment["step"]) == ("eval", 3, 5)
    assert len(moment["learning_modules"]) == 5
    assert {frame_shown["modality"] for frame_shown in moment["frames"]} == {"rgba", "depth"}
    assert page.get(f"{recognising}/worker/main/moment?row=1000000").status_code == 404


def test_first_wrong_decisions_and_how_to_repeat(page, recognising):
    verdicts = page.json(f"{recognising}/worker/main/wrong?mode=eval&episode=0")
    assert len(verdicts) == 5
    assert page.get(f"{recognising}/worker/main/wrong?mode=eval&episode=99").status_code == 404


def test_sparklines_are_as_many_as_the_stretches(page, recognising):
    address = f"{recognising}/worker/main/sparklines?stretches="
    assert [len(line["target"]) for line in page.json(address + "0-9,10-99,7-3")] == [10, 24, 0]
    for wrong in ("", "0", "0-9,", "-1-9", "a-b", "0-9," * 500 + "1-2"):
        assert page.get(address + wrong).status_code == 422
    assert page.json(f"{recognising}/redo?worker=main&mode=eval&episode=0")["note"]
    assert "command" in page.json(f"{recognising}/redo")


@pytest.mark.parametrize("place", ["logs", "events"])
def test_lines_are_counted_and_come_in_pages(page, recognising, place):
    answer = page.json(f"{recognising}/{place}?count=5")
    assert len(answer["lines"]) == min(5, answer["count"])
    if answer["lines"]:
        before = page.json(f"{recognising}/{place}?count=5&before={answer['lines'][0]['number']}")["lines"]
        assert all(line["number"] < answer["lines"][0]["number"] for line in before)


@pytest.mark.parametrize("place", ["metrics", "data", "state"])
def test_what_the_user_publishes_is_there_as_it_is(page, recognising, place):
    assert page.json(f"{recognising}/{place}") == page.json(f"{recognising}/{place}?worker=main")
    assert page.get(f"{recognising}/{place}?worker=nobody").status_code == 404


def test_a_metric_by_any_name(page, worker):
    name = "a/b <c>&d=%2F"
    worker.send(schema.Metric, 1, name=name, value=0.25)
    worker.send(schema.Metric, 2, name=name, value=None, not_finite="inf")
    query = f"worker=main&name={quote(topics.escape(name), safe='')}"
    metric = page.until_json(f"/api/run/{worker.run}/metric?{query}", lambda answer: answer["not_finite"])
    assert metric["values"] == [0.25]
    assert [(mark["kind"], mark["count"]) for mark in metric["not_finite"]] == [("inf", 1)]
    assert page.get(f"/api/run/{worker.run}/metric?worker=main&name=other").status_code == 404


def test_several_metrics_by_their_names(page, worker):
    names = ["a&b", "loss", "other"]
    for number, name in enumerate(names, 1):
        worker.send(schema.Metric, number, name=name, value=float(number))
    place = f"/api/run/{worker.run}/metrics?worker=main"
    page.until_json(place, lambda answer: answer["count"] == 3)
    wanted = "".join(f"&name={quote(topics.escape(name), safe='')}" for name in ["loss", "a&b", "nobody's"])
    assert [metric["name"] for metric in page.json(place + wanted)["metrics"]] == ["a&b", "loss"]
    assert page.json(f"{place}{wanted}&search=LOS")["count"] == 1


def test_a_metric_along_its_steps_from_memory_and_from_the_recording(page, worker):
    count = 6000
    for number in range(1, count + 1):
        metadata = {"step": 10 * number, "epoch": number // 1000}
        worker.send(schema.Metric, number, name="loss", value=float(number % 5), metadata=metadata)
    place = f"/api/run/{worker.run}/metric?worker=main&name=loss"
    page.until_json(f"/api/run/{worker.run}/metrics", lambda answer: answer["metrics"][0]["count"] == count)
    whole = page.json(f"{place}&axis=step")
    assert (whole["first"], whole["last"], whole["left_out"], whole["is_whole"]) == (10, 10 * count, 0, False)
    part = page.json(f"{place}&axis=step&first=20000&last=20500")
    assert part["axes"]["step"][1:-1] == list(range(20_000, 20_501, 10))
    assert (part["is_whole"], set(part["axes"])) == (True, {"step", "epoch"})
    epochs = page.json(f"{place}&axis=epoch&first=3&last=3&points=20000")
    assert epochs["axes"]["epoch"].count(3) == 1000
    assert page.json(f"{place}&axis=episode")["left_out"] == count
    assert page.get(f"{place}&axis=nonsense").status_code == 422


def test_what_the_machine_carries_now_and_over_time(page, worker):
    for number in range(1, 4):
        process = schema.ProcessUse(cpu_percent=50.0 * number, threads=number)
        worker.send(schema.Machine, number, process=process, host=schema.HostUse(load=0.5, cpus=8))
    place = f"/api/run/{worker.run}/machine"
    (told,) = page.until_json(place, lambda heads: heads and heads[0]["threads"] == 3)
    assert (told["worker"], told["cpu_percent"], told["load"], told["gpu_percent"]) == ("main", 150.0, 0.5, None)
    course = page.json(f"{place}_course?worker=main")
    assert set(course) == {"cpu_percent", "threads", "load", "cpus"}
    assert course["cpu_percent"]["values"] == [50.0, 100.0, 150.0]
    assert page.get(f"{place}?worker=nobody").status_code == 404


def frame_of(page, recognising, moment, modality):
    frame = next(frame_shown for frame_shown in moment["frames"] if frame_shown["modality"] == modality)
    query = f"sensor={frame['sensor']}&modality={modality}&row={moment['row']}"
    answer = page.get(f"{recognising}/worker/main/frame?{query}")
    assert answer.is_success, answer.text
    assert (answer.headers["x-monty-episode"], answer.headers["x-monty-step"]) == (
        str(frame["episode"]),
        str(frame["step"]),
    )
    return frame, answer


def test_frames_are_those_of_the_step_also_of_old_ones(page, recognising):
    seen = set()
    for row in (5, 200, -1):
        moment = page.json(f"{recognising}/worker/main/moment?row={row}")
        _, colour = frame_of(page, recognising, moment, "rgba")
        assert colour.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(colour.content)).size == (64, 64)
        seen.add(colour.content)
    assert len(seen) > 1


def test_depth_is_on_the_scale_that_is_told(page, recognising):
    moment = page.json(f"{recognising}/worker/main/moment?row=200")
    frame, depth = frame_of(page, recognising, moment, "depth")
    scale = page.json(f"{recognising}/worker/main/depth_scale?sensor={frame['sensor']}")
    assert depth.headers["x-monty-depth-range"] == f"{scale['min_metres']:g}:{scale['max_metres']:g}"
    assert 0 <= scale["min_metres"] < scale["max_metres"] < 1
    assert len(scale["colours"]) == 17
    assert Image.open(io.BytesIO(depth.content)).mode == "P"


def test_the_latest_frame_has_an_address_that_stays(page, demo):
    answer = page.get(f"/run/{demo[1]}/latest/patch_0/rgba")
    assert answer.is_success
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert page.get(f"/run/{demo[1]}/latest/patch_0/rgba?worker=main&serial=7").content == answer.content
    assert page.get(f"/run/{demo[1]}/latest/patch_0/rgba?worker=other").status_code == 404
    assert page.get(f"/run/{demo[1]}/latest/nothing/rgba").status_code == 404
    assert page.get(f"/run/{demo[1]}/latest/patch_0/smell").status_code == 404


def test_hypotheses_and_models(page, demo, recognising):
    row = page.json(f"{recognising}/worker/main/find?mode=eval&episode=4&step=29")["row"]
    module = next(iter(page.json(f"{recognising}/worker/main/moment?row={row}")["clouds"]))
    cloud = page.json(f"{recognising}/worker/main/cloud?learning_module={module}&row={row}")
    assert len(cloud["locations"]) == len(cloud["evidence"]) == len(cloud["object_indices"]) > 0
    assert max(cloud["object_indices"]) < len(cloud["objects"])
    bulk = page.json(f"/api/run/{demo[0]}")["info"]["learning_modules"]
    name = bulk[0]["learning_module"]
    model = page.get(f"/api/run/{demo[0]}/worker/main/model?learning_module={name}&object=cubeSolid")
    assert model.is_success, model.text
    points = struct.unpack(f"<{len(model.content) // 4}f", model.content)
    assert len(points) % 3 == 0
    assert all(map(math.isfinite, points))
    assert page.get(f"/api/run/{demo[0]}/worker/main/model?learning_module={name}&object=none").status_code == 404


def published(broker, topic: str, payload: bytes) -> None:
    bridge = BrokerAddress(broker.host, broker.port, "bridge", broker.password_file("bridge"))
    with Subscriber(bridge, [f"{topics.BRIDGE_PREFIX}/+/status"]) as client:
        assert client.publish(topic, payload, 10)


def test_the_depth_scale_is_that_of_all_frames_whoever_looks_at_which(page, broker):
    fields = {"sensor": "eye", "modality": "depth", "episode": 0, "width": 2, "height": 1}
    with Teller(broker) as teller:
        voice = teller.voice("far-in-the-middle", secs_ago=60)
        voice.say(schema.Status, status="running")
        for number in range(20):
            voice.say(schema.Step, after_secs=1, episode=0, step=number)
            voice.see(
                schema.Frame, np.array([0.1, 0.5 if number == 12 else 0.2], "<f4").tobytes(), step=number, **fields
            )
        teller.done()
        place = "/api/run/far-in-the-middle/worker/main"
        page.until_json(f"{place}/moment?row=19", lambda answer: answer["frames"] and answer["frames"][0]["step"] == 19)
        frame = f"{place}/frame?sensor=eye&modality=depth"
        ranges = [page.get(f"{frame}&row={row}").headers["x-monty-depth-range"] for row in (3, 12, 3)]
        scale = page.json(f"{place}/depth_scale?sensor=eye")
        assert ranges == ["0.1:0.5"] * 3
        assert (scale["min_metres"], scale["max_metres"], scale["is_final"]) == (0.1, 0.5, False)
        voice.say(schema.End, status="completed")
        teller.done()
        scale = page.until_json(f"{place}/depth_scale?sensor=eye", lambda answer: answer["is_final"])
        assert (scale["min_metres"], scale["max_metres"]) == (0.1, 0.5)


def test_the_depth_scale_can_be_set(broker, worker, tmp_path):
    frame = make(schema.Frame, 0, run=worker.run, episode=0, step=0, sensor="eye", modality="depth", width=2, height=1)
    sent = encode_frame(frame, np.array([0.5, 9.0], "<f4").tobytes())
    with PageProcess(broker, tmp_path, "--depth-range-metres=0:2") as page:
        page.ready()
        published(broker, sent.topic, sent.payload)
        place = f"/api/run/{worker.run}/worker/main"
        scale = page.until_json(f"{place}/depth_scale?sensor=eye", bool)
        assert (scale["min_metres"], scale["max_metres"]) == (0, 2)
        image = page.get(f"{place}/frame?sensor=eye&modality=depth")
        assert (image.headers["x-monty-depth-range"], image.headers["x-monty-depth-outside"]) == ("0:2", "1")


def test_images_that_are_none_are_said_to_be_none(page, broker, worker):
    good = make(schema.Frame, 0, run=worker.run, episode=0, step=0, sensor="eye", modality="depth", width=2, height=2)
    sent = encode_frame(good, np.ones((2, 2), "<f4").tobytes())
    cut = sent.payload[: sent.payload.index(b"IDAT") + 6]
    published(broker, sent.topic, cut)
    place = f"/api/run/{worker.run}/worker/main"
    page.until(lambda: page.get(f"{place}/frame?sensor=eye&modality=depth").status_code == 404)
    error = page.get(f"{place}/frame?sensor=eye&modality=depth").json()["error"]
    assert "depth" in error
    published(broker, topics.build(worker.run, "main", "frame", "ear", "rgba"), b"<script>alert(1)</script>")
    assert page.get(f"{place}/frame?sensor=ear&modality=rgba").status_code == 404
    assert page.get("/healthz").is_success


def test_what_a_program_published_of_media(page, broker):
    run, place = "of-media", "/api/run/of-media/worker/main"
    with Teller(broker) as teller:
        voice = teller.voice(run, secs_ago=60)
        voice.say(schema.Status, status="running")
        for step in range(3):
            voice.say(schema.Table, after_secs=1, name="t/1", columns=["a"], rows=[[step]], metadata={"step": step})
        teller.done()
        size = {"format": "uint8", "height": 1, "width": 2, "channels": 1}
        image = encode_image(
            make(schema.Image, 0, run=run, name="i", time_unix_nanos=time.time_ns(), **size), b"\x00\xff"
        )
        points = make(
            schema.Points, 1, run=run, name="p", count=1, time_unix_nanos=time.time_ns(), metadata={"episode": 4}
        )
        (ply,) = fan_out(points, b"", [bytes(12)], most_bytes=1000)
        for sent in (image, ply):
            published(broker, sent.topic, sent.payload)
    media = page.until_json(f"{place}/media", lambda found: len(found) == 3)
    assert [(one["kind"], one["name"], one["count"], one["episode"], one["step"]) for one in media] == [
        ("image", "i", 1, None, None), ("points", "p", 1, 4, None), ("table", "t/1", 3, None, 2),
    ]  # fmt: skip
    newest = page.get(f"{place}/medium?kind=table&name=t%252F1")
    assert (newest.json()["rows"], json.loads(newest.headers["x-monty-place"])["place"]) == ([[2]], 2)
    first = page.get(f"{place}/medium?kind=table&name=t%252F1&place=0")
    assert (first.json()["rows"], json.loads(first.headers["x-monty-place"])["step"]) == ([[0]], 0)
    shown = page.get(f"{place}/medium?kind=image&name=i")
    assert (shown.headers["content-type"], shown.content) == ("image/png", image.payload)
    shown = page.get(f"{place}/medium?kind=points&name=p")
    assert (shown.headers["content-type"], shown.content) == ("application/octet-stream", ply.payload)
    for wrong in (
        "kind=table&name=none",
        "kind=frame&name=i",
        "kind=image&name=i&place=1",
        "kind=image&name=i&place=-2",
    ):
        assert page.get(f"{place}/medium?{wrong}").status_code == 404
