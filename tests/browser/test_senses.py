"""What was sensed and done at a step: features, goal states, actions, and frames around what other sensors saw."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import kit
import msgspec
import numpy as np
import pytest
from demo_on_screen import at
from kit.page.teller import HOSTILE, Voice
from playwright.sync_api import Page, expect
from test_frames import pixels

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Camera, Hypothesis, LearningModuleStep, SensorModuleStep

pytestmark = pytest.mark.timeout(120)

SCENE = Path(kit.__file__).parent / "programs" / "rendered_scene.py"
STEPS = 3
POINTS = 16
BLOCKS = 4
ALIKE, OTHER = 14, 40
"""Mean difference of colours, of 255: of the same part of the wall, seen by two sensors; and of two other parts."""

INSIDE = ["patch", "patch beside"]


@pytest.fixture(scope="module")
def wall(tmp_path_factory) -> dict[str, np.ndarray]:
    """What Monty's simulator shows to each sensor in each step, and with which camera."""
    file = tmp_path_factory.mktemp("wall") / "seen.npz"
    subprocess.run((sys.executable, SCENE, file), check=True, timeout=100)
    with np.load(file) as seen:
        return dict(seen)


def show(voice: Voice, wall: dict[str, np.ndarray]) -> None:
    """Publish the steps with their images."""
    cameras = msgspec.json.decode(wall["cameras"].tobytes(), type=dict[str, Camera])
    voice.say(schema.Status, status="running")
    for step in range(STEPS):
        voice.say(schema.Step, after_secs=1, episode=0, step=step)
        for place in (name for name in cameras if name.startswith(f"{step}/")):
            image = wall[f"{place}/rgba"]
            sensor, (height, width) = place.split("/")[1], image.shape[:2]
            voice.see(schema.Frame, image.tobytes(), sensor=sensor, modality="rgba", episode=0, step=step,
                      height=height, width=width, camera=cameras[place])  # fmt: skip


def corners(page: Page, sensor: str) -> np.ndarray:
    """Return the corners of a sensor's frame on the view finder's image, pixels."""
    line = page.locator(f'[data-testid="frame-view_finder-rgba"] [data-testid="outline-{sensor}"] .outline-line')
    expect(line).to_be_visible()
    return np.array([float(number) for number in re.split("[ ,]", line.get_attribute("points"))]).reshape(4, 2)


def patches(image: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return the mean colours of parts of what lies in a frame, row by row."""
    shares = (np.arange(POINTS) + 0.5) / POINTS
    left_top, right_top, right_bottom, left_bottom = frame
    across, down = np.meshgrid(shares, shares)
    across, down = across[..., None], down[..., None]
    places = (left_top * (1 - across) + right_top * across) * (1 - down) + (
        left_bottom * (1 - across) + right_bottom * across
    ) * down
    columns, rows = (places.astype(int).clip(0, np.array(image.shape[1::-1]) - 1)[..., axis] for axis in (0, 1))
    part = POINTS // BLOCKS
    return image[rows, columns].reshape(BLOCKS, part, BLOCKS, part, 3).mean(axis=(1, 3))


def test_a_frame_lies_around_what_the_sensor_saw_as_monty_renders_it(shown, teller, wall):
    voice = teller.voice("wall", secs_ago=60)
    show(voice, wall)
    teller.done()
    for step in range(STEPS):
        page = at(shown, "wall", 0, step)
        expect(page.locator(f'[data-testid="frame-view_finder-rgba"][data-step="{step}"]')).to_be_visible()
        picture = np.asarray(pixels(page, "view_finder", "rgba"), float)
        for sensor in INSIDE:
            own = np.asarray(pixels(page, sensor, "rgba"), float)
            height, width = own.shape[:2]
            whole = patches(own, np.array([[0, 0], [width, 0], [width, height], [0, height]]))
            frame = corners(page, sensor)
            assert np.abs(patches(picture, frame) - whole).mean() < ALIKE
            side = np.ptp(frame[:, 0])
            assert np.abs(patches(picture, frame + side / 3) - whole).mean() > OTHER
        frames = page.get_by_test_id("frame-view_finder-rgba").locator('[data-testid^="outline-"]')
        expect(frames).to_have_count(len(INSIDE))


def test_sensors_that_do_not_say_where_they_were_have_no_frame(shown, teller):
    voice = teller.voice("nowhere", secs_ago=60)
    voice.say(schema.Status, status="running")
    voice.say(schema.Step, episode=0, step=0)
    wide = {"location": [0.0, 0.0, 0.0], "rotation": [0.0, 0.0, 0.0, 1.0], "field_of_view_degs": 90.0}
    odd = [
        None,
        Camera(),
        Camera(**{**wide, "field_of_view_degs": None}),
        Camera(**{**wide, "field_of_view_degs": 180.0}),
        Camera(**{**wide, "rotation": [None] * 4, "field_of_view_degs": 9.0}),
        Camera(**{**wide, "location": [1.0], "field_of_view_degs": 9.0}),
        Camera(**{**wide, "location": [0.0, 0.0, 9.0], "field_of_view_degs": 9.0}),
    ]
    for sensor, camera in {"view_finder": Camera(**wide), **{f"odd {n}": one for n, one in enumerate(odd)}}.items():
        voice.see(schema.Frame, bytes(16), sensor=sensor, modality="rgba", episode=0, step=0, height=2, width=2,
                  camera=camera)  # fmt: skip
    teller.done()
    page = at(shown, "nowhere", 0, 0)
    expect(page.get_by_test_id("frames").locator("img")).to_have_count(1 + len(odd))
    expect(page.get_by_test_id("outlines")).to_have_count(0)


def sensed(**features) -> dict[str, SensorModuleStep]:
    return {"patch": SensorModuleStep(location=[0.0, 0.0, 0.0], on_object=True, features=features)}


def believed(**noted) -> dict[str, LearningModuleStep]:
    likely = Hypothesis(object="mug", evidence=3.0, location=[0.0] * 3, rotation=[0.0, 0.0, 0.0, 1.0])
    truth = {"target_object": "mug", "target_graphs": ["mug"], "is_correct": True}
    return {"LM": LearningModuleStep(evidence={"mug": 3.0, "bowl": 1.0}, most_likely=likely, **truth, **noted)}


def test_features_goal_states_errors_and_actions_of_a_step_are_shown(shown, teller):
    voice = teller.voice("senses", secs_ago=60)
    voice.say(schema.Status, status="running")
    red = sensed(hsv=[0.0, 1.0, 1.0], principal_curvatures_log=[1.5, None], object_coverage=0.75, sure=True)
    pose = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    steps = [
        ({}, {}),
        (
            {"prediction_error": 0.25, "goal_location": [0.5, 1.5, 0.0], "goal_object": "bowl"},
            {"actions": ["orient_horizontal"], "action_amounts": [{"rotation_degrees": 5.0, "left_distance": 0.002}]},
        ),
        ({"prediction_error": 0.75, "is_goal_achieved": True, "goal_object": "mug"}, {}),
        ({"is_goal_achieved": False}, {}),
    ]
    for step, (noted, done) in enumerate(steps):
        seen = {"patch": msgspec.structs.replace(red["patch"], pose_vectors=pose)} if step == 1 else {}
        voice.say(schema.Step, after_secs=1, episode=0, step=step, learning_modules=believed(**noted),
                  sensor_modules=seen, **done)  # fmt: skip
    teller.done()
    page = at(shown, "senses", 0, 1)
    features = page.get_by_test_id("features-patch")
    expect(features.get_by_test_id("feature-hsv")).to_contain_text("0, 1, 1")
    expect(features.locator(".swatch")).to_have_css("background-color", "rgb(255, 0, 0)")
    expect(features.get_by_test_id("feature-principal_curvatures_log")).to_contain_text("1.5, \N{EN DASH}")
    page.get_by_role("button", name="Enlarge: Sensors").click()
    expect(features.get_by_test_id("feature-surface normal")).to_contain_text("0, 0, 1")
    expect(features.get_by_test_id("feature-sure")).to_contain_text("yes")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("actions")).to_contain_text("orient_horizontal rotation 5°, left distance 0.002 m")
    belief = page.get_by_test_id("hypothesis-LM")
    expect(belief.get_by_test_id("prediction-error")).to_have_text("0.25")
    expect(belief.get_by_test_id("goal")).to_contain_text("bowl")
    expect(belief.get_by_test_id("goals")).to_have_text("goals 1 of 2")
    assert belief.locator(".error-goal").evaluate_all("(all) => all.map((one) => one.dataset.reached)") == [
        "true",
        "false",
    ]
    marks = """() => document.querySelector('[data-testid=evidence-canvas]').chart.getOption()
        .series.find((one) => one.id === "goals").data.map((one) => one.value)"""
    assert page.evaluate(marks) == [[1, 3], [2, 3]]
    page.keyboard.press("ArrowRight")
    expect(features).to_have_count(0)
    expect(page.get_by_test_id("actions")).to_have_count(0)
    expect(belief.get_by_test_id("prediction-error")).to_have_text("0.75")


def test_hostile_names_and_values_are_text(shown, teller):
    voice = teller.voice("hostile senses", secs_ago=60)
    voice.say(schema.Status, status="running")
    features = {HOSTILE: 1.0, "hsv": ["red", 1, 2], "rgba": [None] * 4, "x" * 400: [1e300, -1e300, 0.1], "n": "NaN"}
    sensors = {HOSTILE: SensorModuleStep(features=features), **sensed(**features)}
    actions = {"actions": [HOSTILE, ""], "action_amounts": [{HOSTILE: 1.0, "": [None]}, {"x" * 400: 1}]}
    noted = {"goal_object": HOSTILE, "goal_location": [None] * 3, "prediction_error": 1e300}
    voice.say(schema.Step, episode=0, step=0, learning_modules=believed(**noted),
              sensor_modules=sensors, **actions)  # fmt: skip
    teller.done()
    page = at(shown, "hostile%20senses", 0, 0)
    expect(page.get_by_test_id("features-patch")).to_contain_text(HOSTILE)
    expect(page.get_by_test_id("features-patch").locator(".swatch")).to_have_count(0)
    expect(page.get_by_test_id("actions")).to_contain_text(HOSTILE)
    expect(page.get_by_test_id("hypothesis-LM").get_by_test_id("goal")).to_contain_text(HOSTILE)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.locator("img[src=x]").count() == 0


def test_the_table_of_episodes_shows_how_evidence_grew(shown, demo):
    page = shown.open(f"/run/{demo.recognising}")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/sparklines?" in request.url else None)
    table = page.get_by_test_id("episode-table")
    table.scroll_into_view_if_needed()
    lines = table.get_by_test_id("sparkline")
    expect(lines).to_have_count(len(demo.ended()))
    first = demo.ended()[0]
    steps = [step for step in demo.steps() if step.episode == first.episode]
    target = [
        [max(module.evidence[name] for name in module.target_graphs) for module in step.learning_modules.values()
         if module.evidence and module.target_graphs]
        for step in steps
    ]  # fmt: skip
    ends = [max(values) for values in target if values]
    words = lines.first.get_attribute("aria-label")
    said = re.search(r"target (\S+) to (\S+),", words)
    assert [float(one) for one in said.groups()] == pytest.approx([ends[0], ends[-1]], rel=0.01)
    assert len(asked) == 1
