"""The tab Media: images, points, histograms and tables of a program, a slider through all of a name, text as text."""

from __future__ import annotations

import numpy as np
import pytest
from kit.bridge import make
from kit.page.teller import HOSTILE
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt_core.payloads.image_files import encode_image
from monty_mqtt_core.payloads.to_mqtt import fan_out

pytestmark = pytest.mark.timeout(120)

DRAWN = "canvas => canvas.toDataURL()"
PIXELS_OF = "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"


def publish_all(teller) -> None:
    """What a program publishes in ten steps; of each image another column is white."""
    voice = teller.voice("pictures", secs_ago=60)
    voice.say(schema.Info)
    voice.say(schema.Status, status="running")
    for step in range(10):
        voice.say(schema.Histogram, after_secs=1, name="weights", counts=[1.0, step], edges=[0.0, 1.0, 2.0],
                  metadata={"step": step})  # fmt: skip
        voice.say(schema.Table, name="confusion", columns=["object", HOSTILE], rows=[[HOSTILE, step], [None, 0.5]])
        head = {"run": "pictures", "time_unix_nanos": voice.time_unix_nanos + 1, "metadata": {"step": step}}
        size = {"format": "uint8", "height": 3, "width": 4, "channels": 1}
        sent = encode_image(make(schema.Image, 2 * step, name=HOSTILE, **size, **head), bytes(12))
        teller.publish(sent.topic, sent.payload, retain=False)
        points = make(schema.Points, 2 * step + 1, name="touched", count=3, **head)
        (sent,) = fan_out(points, b"", [np.eye(3, dtype="<f4").tobytes()], most_bytes=10_000)
        teller.publish(sent.topic, sent.payload, retain=False)
    teller.done()


def test_each_kind_is_shown_and_the_slider_goes_back(watched, teller):
    publish_all(teller)
    page = watched.open("/run/pictures")
    expect(page.get_by_test_id("no-steps")).to_have_count(0)  # it is no run of Monty's that has not begun
    page.locator("#tab-media").click()
    image = page.get_by_test_id(f"medium-image-{HOSTILE}")
    expect(image).to_have_attribute("data-place", "9")
    assert image.locator("img").evaluate(PIXELS_OF) == [4, 3]
    expect(image).to_contain_text("step 9")
    expect(image).to_contain_text("10 of 10")
    image.get_by_role("slider").fill("2")
    expect(image).to_have_attribute("data-place", "2")
    expect(image).to_contain_text("step 2")
    histogram = page.get_by_test_id("medium-histogram-weights")
    expect(histogram.locator("rect")).to_have_count(2)
    histogram.get_by_role("slider").fill("0")
    expect(histogram.locator("rect")).to_have_count(1)
    table = page.get_by_test_id("medium-table-confusion")
    expect(table.get_by_role("columnheader")).to_have_text(["object", HOSTILE])
    expect(table.get_by_role("cell")).to_have_text([HOSTILE, "9", "", "0.5"])
    points = page.get_by_test_id("medium-points-touched")
    drawn = points.locator("canvas").evaluate(DRAWN)
    points.locator("canvas").press("ArrowLeft")
    assert points.locator("canvas").evaluate(DRAWN) != drawn
    assert page.locator("img[src='x'], script:not([src]):has-text('alert')").count() == 0


def test_a_program_without_media_says_how_to_publish_some(watched, teller):
    voice = teller.voice("without", secs_ago=60)
    voice.say(schema.Status, status="running")
    voice.say(schema.Metric, name="loss", value=1.0)
    teller.done()
    page = watched.open("/run/without")
    page.locator("#tab-media").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("publish_image")
