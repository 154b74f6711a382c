"""Addresses of the page: of runs and of frames, whatever their names."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from kit.bridge import make

from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.publish.page_links import PageLinks

SIZE = {"episode": 0, "step": 7, "height": 1, "width": 1}
NAMES = ["patch", "a/b c", "", ".", "..", "%", "é😀", "x\ny", "?&=#+", "</script><img onerror=…>", 'a,b=c "d"\\']


def frame(seq=0, sensor="patch", modality="rgba", **head):
    return make(schema.Frame, seq, sensor=sensor, modality=modality, **SIZE, **head)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_one_level_and_read_back(name):
    links = PageLinks("https://lab.example/monty/")
    message = frame(sensor=name, run=name, worker=name)
    url = urlsplit(links.of_frame(message, 0.0))
    assert (url.scheme, url.netloc, url.fragment) == ("https", "lab.example", "")
    head, run, latest, sensor, modality = url.path.removeprefix("/monty").removeprefix("/").split("/")
    assert (head, latest, modality) == ("run", "latest", "rgba")
    assert [topics.unescape(unquote(level)) for level in (run, sensor)] == [name, name]
    asked = {key: values[0] for key, values in parse_qs(url.query).items()}
    assert topics.unescape(asked["worker"]) == name
    assert int(asked["serial"]) == message.time_unix_nanos
    assert links.of_run(name) == f"https://lab.example/monty/run/{run}"


def test_a_sensors_image_has_an_address_at_most_once_a_second():
    links = PageLinks("http://page")
    assert links.of_frame(frame(0), 10.0)
    assert links.of_frame(frame(1), 10.9) is None
    assert links.of_frame(frame(1, modality="depth"), 10.9)
    assert links.of_frame(frame(1, sensor="other"), 10.9)
    assert links.of_frame(frame(1, worker="other"), 10.9)
    first, second = links.of_frame(frame(2), 11.0), links.of_frame(frame(3), 12.5)
    assert first != second
    links.forget(("run", "main"))
    assert links.of_frame(frame(4), 12.6)


def test_without_a_page_there_are_none():
    links = PageLinks("")
    assert links.of_run("run") is None
    assert links.of_frame(frame(), 0.0) is None
