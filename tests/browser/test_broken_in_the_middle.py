"""Page, bridge and broker killed in the middle of a run, seen from a browser that nobody reloads."""

from __future__ import annotations

import threading

import pytest
from kit.machine.child_process import until
from kit.page.page_service import Keeping, are_whole, seqs
from playwright.sync_api import expect
from scene_on_screen import STEP_EVERY, head, in_the_middle, over, shows_all

from monty_mqtt_core.recordings.part_files import directory_of

pytestmark = pytest.mark.timeout(300)

DISCONNECTED_SECS = 10


@pytest.mark.parametrize("away_secs", [3, pytest.param(30, marks=pytest.mark.long)])
def test_a_page_killed_twice_has_no_gap_but_frames(scene, away_secs):
    program = scene.experiment("killed")
    page = scene.look("/run/killed")
    count = 0
    for _ in range(2):
        count += in_the_middle(program, away_secs + 4)
        scene.page_is_killed()
        expect(page.get_by_role("alert").first).to_contain_text("does not answer")
        threading.Event().wait(away_secs)  # that it is away so long is what is shown here
        scene.page_starts()
        expect(page.get_by_role("alert")).to_have_count(0)
    over(program)
    shows_all(page, count // STEP_EVERY)
    rows = scene.server.json("/api/run/killed/worker/main/steps?points=10000")
    assert rows["step"] == list(range(0, count, STEP_EVERY))
    recorded = directory_of(scene.state / "recordings", "killed")
    until(lambda: len(seqs(recorded)) == count + 2)  # `info` and `end` besides; the status has no seq of its own
    assert set(seqs(recorded).values()) == {1}
    missing = scene.server.json("/api/recording")["frames_missing"]
    expect(page.locator(".numbers").get_by_text("Images missing").locator("..")).to_contain_text(f"{missing:,}")
    scene.page_is_killed()
    with Keeping(scene.broker, scene.state) as keeping:
        assert keeping.service.counts.missing == 0
        assert keeping.service.counts.frames_missing > 0
        until(lambda: are_whole(recorded.parent))


def test_whatever_is_started_again_the_picture_is_complete_and_nothing_that_is_over_runs(scene):
    program = scene.experiment("over")
    program.tell("publish", 100)
    over(program)
    program = scene.experiment("going on")
    runs, page = scene.look("/"), scene.look("/run/going%2520on")
    expect(runs.locator("tbody tr").filter(has_text="over")).to_contain_text("completed")

    def bridge_again() -> None:
        scene.bridge.kill()
        scene.bridge.start()

    def page_again() -> None:
        scene.page_is_killed()
        scene.page_starts()

    count = 0
    for breaks in (bridge_again, scene.broker_forgets, page_again, scene.broker_forgets, bridge_again):
        count += in_the_middle(program, 5)
        breaks()
        expect(head(page)).to_contain_text("running", timeout=60_000)
    late = scene.look("/run/going%2520on")
    over(program)
    for shown_page in (page, late):
        shows_all(shown_page, count // STEP_EVERY)
    assert runs.evaluate("globalThis.isTheSamePage")
    for run in ("over", "going on"):
        row = runs.locator("tbody tr").filter(has=runs.get_by_role("link", name=run, exact=True))
        expect(row).to_contain_text("completed")
        expect(row).not_to_contain_text("running")
    with Keeping(scene.broker, scene.state.with_name("a new page")) as new:  # of which the broker retains something
        for run in ("over", "going on"):
            until(lambda run=run: new.run(run) and new.run(run).workers["main"].word == "completed")
    again = scene.look("/run/over")
    shows_all(again, 10)


def test_a_killed_worker_is_shown_disconnected(scene, capsys):
    program = scene.experiment("vanishes")
    program.tell("publish", 100)
    page = scene.look("/run/vanishes")
    expect(page.locator(".numbers")).to_contain_text("10 points")
    expect(head(page)).to_contain_text("running")
    program.kill()
    took = page.evaluate(
        """async () => {
          const began = performance.now();
          const said = () => document.querySelector('[aria-label="Run"]').innerText.includes("disconnected");
          while (!said() && performance.now() - began < 60000) await new Promise(requestAnimationFrame);
          return (performance.now() - began) / 1000;
        }"""
    )
    with capsys.disabled():
        print(f"\nkilled -9, shown disconnected after {took:.1f} s")  # noqa: T201 - the figure is wanted
    assert took < 2 * DISCONNECTED_SECS  # on an idle machine half of it: a bound for a busy one
    expect(head(page)).to_contain_text("disconnected")
