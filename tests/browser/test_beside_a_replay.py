"""A replay beside a run that goes on, and runs restored twice: each is on the list once, whole, and recorded once."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from kit.page.page_process import replay
from kit.page.page_service import seqs
from playwright.sync_api import expect
from scene_on_screen import STEP_EVERY, in_the_middle, over, shows_all

from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.replay.restore_recording import restore_recording

pytestmark = pytest.mark.timeout(300)

STEPS = {"learn": 640, "recognise": 261}


def steps_of(run: str) -> int:
    return next(count for word, count in STEPS.items() if f"demo_{word}" in run)


def test_a_replay_beside_a_live_run_is_neither_mixed_nor_recorded_twice(scene):
    runs, live = scene.look("/"), scene.look("/run/live")
    program = scene.experiment("live")
    count = in_the_middle(program, 10)
    played = replay(scene.bridge.port)
    restored = {run for _ in range(2) for run in restored_runs(scene)}
    over(program)
    replays = [*played, *restored]
    assert len(replays) == 4
    expect(runs.locator("tbody tr")).to_have_count(5)
    shows_all(live, count // STEP_EVERY)
    for run in replays:
        page = scene.look(f"/run/{run}")
        expect(page.locator(".numbers").first).to_contain_text(f"{steps_of(run)} points")
        expect(runs.locator("tbody tr").filter(has=runs.get_by_role("link", name=run, exact=True))).to_have_count(1)
    for run in ("live", *replays):
        recorded = seqs(directory_of(scene.state / "recordings", run))
        assert set(recorded.values()) == {1}
    scene.page_is_killed()
    scene.page_starts()
    expect(runs.get_by_role("alert")).to_have_count(0)
    expect(runs.locator("tbody tr")).to_have_count(5)
    expected = {"live": count // STEP_EVERY, **{run: steps_of(run) for run in replays}}
    until(lambda: {run_head["run"]: run_head["steps"] for run_head in scene.server.json("/api/runs")} == expected)


def restored_runs(scene) -> list[str]:
    """Restore the demo under its own names; return them."""
    return [
        restored.run for restored in restore_recording(recording_path(), bridge=BridgeAddress(port=scene.bridge.port))
    ]
