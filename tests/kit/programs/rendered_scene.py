"""Renders what several sensors see of a coloured wall, with Monty's own simulator, and tells their cameras.

usage: rendered_scene.py FILE
Writes a .npz with the images, `<step>/<sensor>/rgba`, and `cameras`, JSON by `<step>/<sensor>`.
"""

from __future__ import annotations

import os
import sys
from functools import partial

os.environ.setdefault("MUJOCO_GL", "egl")

import msgspec
import mujoco
import numpy as np
from tbp.monty.frameworks.actions.actions import LookUp, MoveForward, TurnLeft
from tbp.monty.frameworks.environment_utils.transforms import DepthTo3DLocations
from tbp.monty.frameworks.sensors import Resolution2D, SensorConfig
from tbp.monty.simulators.mujoco.agents import DistantAgent
from tbp.monty.simulators.mujoco.simulator import MuJoCoSimulator

from monty_mqtt.observe.camera import camera_of

SENSORS = {
    "patch": SensorConfig(Resolution2D(64, 64), zoom=10.0),
    "patch beside": SensorConfig(Resolution2D(64, 64), position=(0.03, 0.01, 0.0), zoom=8.0),
    "patch outside": SensorConfig(Resolution2D(64, 64), position=(0.34, 0.0, 0.0), zoom=8.0),
    "view_finder": SensorConfig(Resolution2D(240, 160), position=(0.0, 0.0, 0.03)),
}
WALL_METRES, TILES, TILE_METRES = 0.2, 46, 0.016

MOVES = [
    [],
    [TurnLeft(agent_id="agent", rotation_degrees=6.0), LookUp(agent_id="agent", rotation_degrees=9.0)],
    [MoveForward(agent_id="agent", distance=0.05)],
]


def add_wall(simulator: MuJoCoSimulator) -> None:
    """Put tiles of many colours on a plane before the agent."""
    colours = np.random.default_rng(3).random((TILES, TILES, 3))
    for row, column in np.ndindex(TILES, TILES):
        place = (np.array([column, row]) - TILES / 2 + 0.5) * TILE_METRES
        simulator.spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=(*place, -WALL_METRES - 0.001),
            size=(TILE_METRES / 2, TILE_METRES / 2, 0.001),
            rgba=(*colours[row, column], 1.0),
        )
    simulator._recompile()


def main(path: str) -> None:
    agent = partial(DistantAgent, agent_id="agent", sensor_configs=SENSORS)
    resolutions = [(sensor.resolution.height, sensor.resolution.width) for sensor in SENSORS.values()]
    zooms = [sensor.zoom for sensor in SENSORS.values()]
    place = DepthTo3DLocations("agent", list(SENSORS), resolutions, zooms, get_all_points=True)
    arrays, cameras = {}, {}
    with MuJoCoSimulator(agents=[agent]) as simulator:
        add_wall(simulator)
        for step, moves in enumerate(MOVES):
            observations, state = simulator.step(moves)
            place.call(observations, state=state)
            for sensor, seen in observations["agent"].items():
                arrays[f"{step}/{sensor}/rgba"] = seen["rgba"]
                cameras[f"{step}/{sensor}"] = camera_of(seen)
    np.savez(path, cameras=np.frombuffer(msgspec.json.encode(cameras), np.uint8), **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
