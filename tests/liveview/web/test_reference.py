"""What the page answers is what `/openapi.json` says: every address, every field, also of what is no request."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import msgspec
import pytest
from kit.bridge import config_for, make
from kit.messages.message_examples import EXAMPLES
from kit.page.page_fixtures import logged_in
from kit.page.page_process import replay
from kit.page.published_schema import PublishedSchema
from kit.page.teller import HOSTILE, Teller
from websockets.sync.client import connect

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.payloads.image_files import encode_image
from monty_mqtt_liveview.answers.addresses import ADDRESSES

OF_THE_USER = ("metrics", "metric", "machine", "machine_course", "data", "stream", "state", "media", "medium")
"""What Monty does not publish by itself: shown by a run of a user's program."""

BAD = (
    "",
    "x",
    "-1",
    "1e999",
    "9" * 30,
    "-" + "9" * 30,
    "NaN",
    "null",
    "\x00",
    "a" * 5000,
    HOSTILE,
    "\ud800",
    "%ff",
    "../..",
)
REQUESTED = [name for name, address in ADDRESSES.items() if name.startswith("GET") and not address.is_live]


@pytest.fixture(scope="module")
def runs(page, broker):
    """Run ids by what they show: `learning`, `recognising`, `user`."""
    with Bridge(config_for(broker, bridge_id="of-the-demo")) as bridge:
        learning, recognising = replay(bridge.zmq_port)
    with Teller(broker) as teller:
        voice = teller.voice("user's", secs_ago=60)
        voice.say(schema.Status, status="error", error_type="E", error_message=HOSTILE, error_traceback="at 1")
        for number, value in enumerate([1.5, None, 2.5]):
            voice.say(
                schema.Metric, name="loss", value=value, not_finite=None if value else "nan", metadata={"step": number}
            )
            voice.say(schema.Data, stream="notes", data={HOSTILE: [number, None]})
        voice.say(schema.State, state={"phase": 1})
        voice.say(schema.Machine, process=schema.ProcessUse(cpu_percent=12.5, threads=3), host=schema.HostUse(load=0.5))
        image = make(schema.Image, 0, run="user's", name="saliency", format="uint8", height=1, width=1, channels=1)
        image = msgspec.structs.replace(image, time_unix_nanos=voice.time_unix_nanos + 1)
        sent = encode_image(image, bytes(1))
        teller.publish(sent.topic, sent.payload, retain=False)
        voice.say(schema.Log, level="warning", message=HOSTILE, logger="l")
        voice.say(schema.Event, event="saccade", fields={"a": 1})
        every = teller.voice("every-kind", secs_ago=30)
        for kind, message in EXAMPLES.items():
            if kind not in BULK_KINDS and isinstance(message, schema.Message):
                names = set(message.__struct_fields__) - set(schema.Message.__struct_fields__)
                every.say(type(message), **{name: getattr(message, name) for name in names})
        teller.done()
    for run in (learning, recognising):
        page.until_json(f"/api/run/{run}", lambda answer: answer["run"]["status"] == "completed")
    page.until_json("/api/run/user's/events", lambda answer: answer["count"])
    return {"learning": learning, "recognising": recognising, "user": "user's", "every": "every-kind"}


@pytest.fixture(scope="module")
def described(page):
    return PublishedSchema(page.json("/openapi.json"))


def run_for(name: str, runs: dict[str, str]) -> str:
    part = name.rpartition("/")[2]
    return runs["user" if part in OF_THE_USER else "learning" if part == "model" else "recognising"]


def wrong(described: PublishedSchema, name: str, answer: httpx.Response) -> list[str]:
    media = answer.headers["content-type"].partition(";")[0]
    return described.wrong(name, answer.status_code, media, answer.json() if media == "application/json" else None)


@pytest.mark.parametrize("name", REQUESTED)
def test_the_example_of_an_address_is_answered_as_described(page, runs, described, name):
    answer = page.get(ADDRESSES[name].example.replace("RUN", quote(run_for(name, runs))))
    assert answer.is_success, answer.text
    assert wrong(described, name, answer) == []
    assert len(answer.content) > 2, "an example that shows nothing"


@pytest.mark.parametrize("name", [name for name in REQUESTED if "{run}" in name])
def test_every_run_is_answered_as_described(page, runs, described, name):
    for run in runs.values():
        answer = page.get(ADDRESSES[name].example.replace("RUN", quote(run)))
        assert wrong(described, name, answer) == [], run
    refused = page.get(ADDRESSES[name].example.replace("RUN", "nobody's"))
    assert refused.status_code == 404
    assert wrong(described, name, refused) == []


def parameters(described: PublishedSchema, name: str) -> list[str]:
    return [parameter["name"] for parameter in described.operation(name)["parameters"]]


@pytest.mark.parametrize("name", REQUESTED)
def test_a_parameter_that_makes_no_sense_is_answered_as_described(page, runs, described, name):
    example, run = ADDRESSES[name].example, run_for(name, runs)
    path, _, query = example.partition("?")
    with httpx.Client(base_url=page.url, timeout=30) as client:
        for parameter in parameters(described, name):
            for value in BAD:
                escaped = quote(value.encode("utf-8", "surrogatepass"), safe="")
                if f"{{{parameter}}}" in name:
                    place = name.partition(" ")[2].replace(f"{{{parameter}}}", escaped).replace("{run}", quote(run))
                    place = re.sub(r"\{\w+\}", "main", place)
                    if not escaped or ".." in value:
                        continue  # another address
                    asked = f"{place}?{query}"
                else:
                    rest = [pair for pair in query.split("&") if pair and not pair.startswith(f"{parameter}=")]
                    asked = f"{path.replace('RUN', quote(run))}?{'&'.join([*rest, f'{parameter}={escaped}'])}"
                answer = client.get(asked)
                assert answer.status_code < 500, asked
                assert wrong(described, name, answer) == [], asked
                assert answer.is_success or answer.json()["error"]


@pytest.mark.parametrize("name", [name for name, address in ADDRESSES.items() if address.is_live])
def test_what_comes_live_is_as_described(page, runs, described, name):
    content = described.responses(name)["101"]["content"]["application/json"]["schema"]
    for run in runs.values():
        place = ADDRESSES[name].example.replace("RUN", quote(topics.escape(run)))
        with connect(page.url.replace("http", "ws", 1) + place, proxy=None, max_size=None) as line:
            heard = [json.loads(line.recv(timeout=20)) for _ in range(2)]
        assert [described.wrong_value(content, message) for message in heard] == [[], []]
        assert heard[0]


def test_logins_and_commands_are_answered_as_described(page, worker, described):
    place, name = f"/api/run/{worker.run}/command", "POST /api/run/{run}/command"
    page.until_json("/api/runs", lambda heads: worker.run in [head["run"] for head in heads])
    assert wrong(described, name, httpx.post(page.url + place, json={"command": "pause"})) == []  # 403
    assert wrong(described, "POST /api/login", httpx.post(page.url + "/api/login", content=b"x")) == []
    assert wrong(described, "POST /api/login", httpx.post(page.url + "/api/login", json={"password": "no"})) == []
    password = {"password": page.login_file.read_text().strip()}
    assert wrong(described, "POST /api/login", httpx.post(page.url + "/api/login", json=password)) == []
    body = described.operation(name)["requestBody"]["content"]["application/json"]
    assert described.wrong_value(body["schema"], body["example"]) == []
    with logged_in(page) as browser, ThreadPoolExecutor() as pool:
        asked = pool.submit(browser.post, place, json=body["example"])
        heard = worker.wait_for(schema.Command)
        worker.send(schema.CommandResult, 1, id=heard.id, status="obeyed", detail="at step 7")
        answer = asked.result(40)
        assert answer.is_success
        assert wrong(described, name, answer) == []
        assert wrong(described, name, browser.post(place, content=b"x")) == []
        assert wrong(described, "POST /api/logout", browser.post("/api/logout")) == []


def test_the_same_is_there_to_read_and_runs_no_script(page, described):
    answer = page.get("/api")
    assert answer.headers["content-type"].startswith("text/html")
    assert "'unsafe-" not in answer.headers["content-security-policy"]
    text = answer.text
    assert not re.search(r"<script|<style|style=|\son\w+=|https?://(?!127\.0\.0\.1)", text)
    for name in ADDRESSES:
        assert f"<code>{name.partition(' ')[2]}</code>" in text
    for name in described.described["components"]["schemas"]:
        assert f'id="{name}"' in text
    assert set(re.findall(r'href="#(\w+)"', text)) <= set(re.findall(r'id="(\w+)"', text))
    for place in re.findall(r'href="(/[^"]*)"', text):
        assert page.get(place).is_success
