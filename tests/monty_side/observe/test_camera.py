"""From where and how wide an image was seen, as Monty's own transform says it; and how much actions do."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import quaternion
from tbp.monty.frameworks.actions import actions
from tbp.monty.frameworks.environment_utils.transforms import DepthTo3DLocations
from tbp.monty.frameworks.models.motor_system_state import AgentState, SensorState

from monty_mqtt.observe.action_amounts import amounts_of
from monty_mqtt.observe.camera import camera_of
from monty_mqtt.observe.raw_arrays import images

TURN = quaternion.from_rotation_vector([0.0, 0.5, 0.0])
ROWS, COLUMNS = 6, 8


def seen(zoom=4.0, depth=0.25, hfov=90.0):
    """Return what a sensor observed, after Monty's transform."""
    patch = {"rgba": np.zeros((ROWS, COLUMNS, 4), np.uint8), "depth": np.full((ROWS, COLUMNS), depth)}
    place = DepthTo3DLocations(
        agent_id="agent", sensor_ids=["patch"], resolutions=[(ROWS, COLUMNS)], zooms=[zoom], hfov=[hfov],
        get_all_points=True,
    )  # fmt: skip
    sensor = SensorState(position=(0.0, 0.0, 0.1), rotation=quaternion.one)
    agent = AgentState(sensors={"patch": sensor}, position=np.array([1.0, 2.0, 3.0]), rotation=TURN)
    place.call({"agent": {"patch": patch}}, state={"agent": agent})
    return patch


@pytest.mark.parametrize("zoom", [1.0, 4.0, 10.0])
def test_the_camera_is_where_monty_placed_it_and_as_wide(zoom):
    camera = camera_of(seen(zoom))
    assert camera.location == pytest.approx([1 + 0.1 * math.sin(0.5), 2, 3 + 0.1 * math.cos(0.5)])
    assert camera.rotation == pytest.approx([TURN.x, TURN.y, TURN.z, TURN.w])
    assert camera.field_of_view_degs == pytest.approx(2 * math.degrees(math.atan(1 / zoom)))
    assert camera.centre_metres == 0.25


def test_both_images_of_a_sensor_carry_it():
    cameras = [image.camera for image in images({"agent": {"patch": seen()}})]
    assert cameras[0] == cameras[1] == camera_of(seen())


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"sensor_frame_data": None}, "field_of_view_degs"),
        ({"sensor_frame_data": np.zeros((48, 4))}, "field_of_view_degs"),
        ({"sensor_frame_data": np.full((48, 4), math.nan)}, "field_of_view_degs"),
        ({"depth": np.zeros((ROWS, COLUMNS))}, "centre_metres"),
        ({"depth": np.full((ROWS, COLUMNS), math.inf)}, "centre_metres"),
        ({"depth": None}, "centre_metres"),
    ],
)
def test_what_is_not_told_is_absent(changed, missing):
    camera = camera_of({**seen(), **changed})
    assert getattr(camera, missing) is None
    assert camera.location is not None


@pytest.mark.parametrize("pose", [None, np.eye(3), np.full((4, 4), math.nan), 2 * np.eye(4), "here"])
def test_without_a_pose_there_is_no_camera(pose):
    assert camera_of({**seen(), "cam_to_world": pose}) is None


def test_actions_tell_how_far_and_how_much():
    pose = actions.SetAgentPose(agent_id="agent", location=(0.5, 1.5, 0.0), rotation_quat=TURN)
    taken = [
        actions.OrientHorizontal(agent_id="agent", rotation_degrees=5.0, left_distance=0.25, forward_distance=0.125),
        actions.LookUp(agent_id="agent", rotation_degrees=np.float64(7)),
        pose,
        SimpleNamespace(agent_id="agent", is_sure=True, why=[None], distance=[math.nan, 1.0], angle=math.inf),
    ]
    amounts, bad = amounts_of(taken)
    assert amounts[0] == {"rotation_degrees": 5.0, "left_distance": 0.25, "forward_distance": 0.125}
    assert amounts[1]["rotation_degrees"] == 7.0
    assert amounts[2] == {"location": [0.5, 1.5, 0.0], "rotation_quat": [TURN.w, TURN.x, TURN.y, TURN.z]}
    assert amounts[3].keys() == {"distance", "angle"}
    assert bad == 2
