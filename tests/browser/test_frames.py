"""Sensor images in step with the evidence: the one of the step, or the one before it, labelled with its own step."""

from __future__ import annotations

import io

import numpy as np
import pytest
from demo_on_screen import at
from kit.page.page_state import demo_messages
from PIL import Image
from playwright.sync_api import Page, Route, expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)

_PIXELS = """async ([sensor, modality]) => {
  const image = document.querySelector(`[data-testid="frame-${sensor}-${modality}"] img`);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return [canvas.width, canvas.height, [...pen.getImageData(0, 0, canvas.width, canvas.height).data]];
}"""


def frames(sensor: str, modality: str) -> list[schema.Frame]:
    published = [
        message for message in demo_messages() if isinstance(message, schema.Frame) and "recognise" in message.run
    ]
    return [frame for frame in published if (frame.sensor, frame.modality) == (sensor, modality)]


def newest(sensor: str, modality: str, episode: int, step: int) -> schema.Frame:
    """Return the frame of a step, else the one before it."""
    return [frame for frame in frames(sensor, modality) if (frame.episode, frame.step) <= (episode, step)][-1]


def pixels(page: Page, sensor: str, modality: str) -> Image.Image:
    width, height, data = page.evaluate(_PIXELS, [sensor, modality])
    return Image.frombytes("RGBA", (width, height), bytes(data)).convert("RGB")


def figure(page: Page, sensor: str, modality: str, step: int):
    image = page.locator(f'[data-testid="frame-{sensor}-{modality}"][data-step="{step}"]')
    page.get_by_test_id("frames").scroll_into_view_if_needed()
    expect(image).to_be_visible()
    return image


def test_the_image_is_the_published_one_and_an_older_one_says_of_which_step(demo, shown):
    own = next(frame for frame in frames("patch_0", "rgba") if frame.step > 0)
    page = at(shown, demo.recognising, own.episode, own.step)
    caption = figure(page, "patch_0", "rgba", own.step).locator("figcaption")
    expect(caption).to_have_text(f"colour · step {own.step}")
    answer = demo.page.get(
        f"/api/run/{demo.recognising}/worker/main/frame?sensor=patch_0&modality=rgba"
        f"&row={page.get_by_test_id('scrub').get_attribute('data-row')}"
    )
    sent = Image.open(io.BytesIO(answer.content)).convert("RGB")
    drawn = pixels(page, "patch_0", "rgba")
    assert drawn.size == sent.size
    assert max(abs(a - b) for a, b in zip(drawn.tobytes(), sent.tobytes(), strict=True)) <= 3  # two JPEG decoders
    page.keyboard.press("ArrowRight")
    later = newest("patch_0", "rgba", own.episode, own.step + 1)
    caption = figure(page, "patch_0", "rgba", later.step).locator("figcaption")
    expect(caption).to_contain_text(f"step {later.step}")
    if later.step == own.step:
        expect(caption).to_contain_text("(before)")


def test_every_sensor_is_there_in_colour_and_depth_at_any_step(demo, shown):
    page = at(shown, demo.recognising, 6, 12)
    sensors = {
        message.sensor
        for message in demo_messages()
        if isinstance(message, schema.Frame) and "recognise" in message.run
    }
    for sensor in sensors:
        for modality in ("rgba", "depth"):
            expected = newest(sensor, modality, 6, 12)
            words = figure(page, sensor, modality, expected.step).locator("figcaption")
            expect(words).to_contain_text(f"step {expected.step}")
            if expected.episode != 6:
                expect(words).to_contain_text(f"episode {expected.episode}")


def test_depth_has_one_labelled_scale_for_all_steps(demo, shown):
    page = at(shown, demo.recognising, 0, 5)
    scale = demo.page.json(f"/api/run/{demo.recognising}/worker/main/depth_scale?sensor=view_finder")
    bar = page.get_by_test_id("depth-scale-view_finder")
    page.get_by_test_id("frames").scroll_into_view_if_needed()
    expect(bar).to_contain_text(f"{scale['min_metres']:g} m")
    expect(bar).to_contain_text(f"{scale['max_metres']:g} m")
    page.keyboard.press("Shift+ArrowRight")
    expect(bar).to_contain_text(f"{scale['max_metres']:g} m")


def test_stepping_on_asks_for_an_image_only_once(demo, shown):
    page = at(shown, demo.recognising, 8, 3)
    page.get_by_test_id("frames").scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/frame?" in request.url else None)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-step", "4")
    page.wait_for_load_state("networkidle")
    assert len(asked) == len({url.split("&row=")[0] + url.split("&row=")[1] for url in asked})


def test_an_image_on_another_scale_than_the_one_before_is_shown(demo, shown):
    page = at(shown, demo.recognising, 8, 3)
    figure(page, "view_finder", "depth", newest("view_finder", "depth", 8, 3).step)
    page.wait_for_load_state("networkidle")
    page.route("**/frame?*modality=depth*", _on_another_scale)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("depth-scale-view_finder")).to_contain_text("7 m")
    page.wait_for_load_state("networkidle")
    assert pixels(page, "view_finder", "depth").width > 0


def test_a_depth_scale_that_still_grows_says_so_and_old_images_follow_it(shown, teller):
    voice = teller.voice("growing", secs_ago=60)
    voice.say(schema.Status, status="running")

    def step(number: int, farthest: float) -> None:
        voice.say(schema.Step, after_secs=1, episode=0, step=number)
        voice.see(schema.Frame, np.array([0.1, farthest], "<f4").tobytes(), sensor="eye", modality="depth",
                  episode=0, step=number, width=2, height=1)  # fmt: skip

    step(0, 0.2)
    step(1, 0.2)
    teller.done()
    page = shown.open("/run/growing?mode=eval&episode=0&step=0")
    bar = page.get_by_test_id("depth-scale-eye")
    expect(bar).to_contain_text("0.2 m")
    expect(bar.get_by_test_id("so-far")).to_be_visible()
    step(2, 0.5)
    voice.say(schema.End, status="completed")
    teller.done()
    expect(bar).to_contain_text("0.5 m")
    expect(bar.get_by_test_id("so-far")).to_be_hidden()


def _on_another_scale(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "x-monty-depth-range": "0:7"})


def test_without_frames_it_says_why(shown, teller):
    voice = teller.voice("blind", secs_ago=60)
    voice.say(schema.Step, episode=0, step=0)
    teller.done()
    page = shown.open("/run/blind")
    expect(page.get_by_test_id("frames")).to_contain_text("No frame up to this step")
