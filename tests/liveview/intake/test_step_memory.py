"""However long a run goes on, its steps take no more memory than they may, and each of them can be looked at."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, closing
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.machine.child_process import until
from kit.page.page_process import PageProcess
from kit.page.page_service import Keeping
from kit.page.teller import Teller

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep
from monty_mqtt_liveview import views
from monty_mqtt_liveview.intake.step_memory import StepMemory
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_liveview.state import columns
from monty_mqtt_liveview.state.columns import Column
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.scratch_file import ScratchFile
from monty_mqtt_stack.services.mosquitto import Mosquitto

MIB = 1 << 20
OBJECTS, MODULES, PER_EPISODE = 10, 5, 1000


def say_step(voice, number: int) -> None:
    """Step `number`; what is in it can be told from the number."""
    evidence = {f"object_{at}": float(number % 977 + at) for at in range(OBJECTS)}
    likely = Hypothesis(object="object_9", evidence=evidence["object_9"])
    module = LearningModuleStep(evidence=evidence, most_likely=likely, target_object="object_9")
    modules = {f"LM_{at}": module for at in range(MODULES)}
    place = {"episode": number // PER_EPISODE, "step": number % PER_EPISODE, "total_step": number}
    voice.say(schema.Step, after_secs=0.02, learning_modules=modules, **place)


def say_steps(teller: Teller, voice, first: int, end: int) -> None:
    for number in range(first, end):
        say_step(voice, number)
        if number % 500 == 499:
            teller.done()
    teller.done()


def assert_is_right(answer: dict) -> None:
    """Rows as they are drawn, or one alone: each is the step that its number says."""
    for row, step in zip(answer["row"], answer["step"], strict=True):
        assert step == row % PER_EPISODE
    for module in answer["learning_modules"].values():
        for at, course in enumerate(module["evidence"]):
            assert course == [float(row % 977 + at) for row in answer["row"]]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_left_memory_is_read_as_if_it_had_not(tmp_path_factory, data):
    with pytest.MonkeyPatch.context() as patched, ExitStack() as kept:
        patched.setattr(columns, "BLOCK_ROWS", 8)
        patched.setattr(columns, "KEPT_ROWS", 4)
        scratch = kept.enter_context(closing(ScratchFile(tmp_path_factory.getbasetemp())))
        plain, spilled = Column(np.float32, -1, 1), Column(np.float32, -1, 1)
        count = 0
        for _ in range(data.draw(st.integers(1, 12))):
            more, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
            rows, places = np.arange(count, count + more), np.arange(width)
            values = np.arange(more * width, dtype=np.float32).reshape(more, width) + 100 * count
            for column in (plain, spilled):
                column.put_at(rows, places, values)
            count += more
            if data.draw(st.booleans()):
                spilled.spill(scratch, count)
                scratch.let_go()
            if data.draw(st.integers(0, 5)) == 0:
                order = np.array(data.draw(st.permutations(range(count))))
                plain.reorder(order)
                spilled.reorder(order)
            first = data.draw(st.integers(0, count))
            end = data.draw(st.integers(first, count))
            chosen = np.array(data.draw(st.lists(st.integers(0, count + 20), max_size=12)), np.int64)
            assert spilled.between(first, end).tolist() == plain.between(first, end).tolist()
            assert spilled.take(chosen, 6).tolist() == plain.take(chosen, 6).tolist()


@pytest.fixture
def scratch(tmp_path):
    with closing(ScratchFile(tmp_path)) as opened:
        yield opened


def test_room_that_nobody_needs_is_used_again(scratch, tmp_path):
    rows = np.arange(1000)
    first = scratch.put(rows)
    second = scratch.put(rows + 1)
    assert (first.read().tolist(), second.read().tolist()) == (rows.tolist(), (rows + 1).tolist())
    del first
    third = scratch.put(rows + 2)
    assert (second.read().tolist(), third.read().tolist()) == ((rows + 1).tolist(), (rows + 2).tolist())
    assert scratch._end < 3 * rows.nbytes
    assert list(tmp_path.iterdir()) == []


def test_without_room_on_the_disk_steps_stay_in_memory_and_it_is_said_once(tmp_path, caplog):
    run = Run("long")

    def say(kind, *, after_secs, **fields):
        assert after_secs
        run.apply(kind(**next(heads), mode="eval", epoch=0, **fields))

    voice = SimpleNamespace(say=say)
    heads = ({"run": "long", "worker": "main", "seq": n, "time_unix_nanos": 10**18 + n} for n in itertools.count())
    for number in range(20_000):
        say_step(voice, number)
    gone = StepMemory(tmp_path / "none")
    for _ in range(2):
        gone.bound([run], {}, 1)
    assert len(caplog.records) == 1
    assert "steps stay in memory" in caplog.text
    assert run.nbytes > 10 * MIB
    with closing(StepMemory(tmp_path)) as memory:
        memory.bound([run], {}, 1)
        assert run.nbytes < 10 * MIB
        assert_is_right(views.course(run.workers["main"], 0, 19_999, 500))


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.mark.timeout(180)
def test_a_live_run_stays_below_its_bound_and_every_step_can_be_looked_at(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_ROWS", 512)
    monkeypatch.setattr(columns, "KEPT_ROWS", 128)
    steps, most = 13_000, MIB
    with Keeping(broker, tmp_path / "state", Retention(most_memory_bytes=most)) as keeping, Teller(broker) as teller:
        voice = teller.voice("long", secs_ago=3600)
        voice.say(schema.Status, status="running")
        say_steps(teller, voice, 0, steps)
        until(lambda: keeping.steps("long") == steps, 60)
        run = keeping.run("long")
        until(lambda: run.nbytes < most * 2, 60)
        assert not run.is_released
        with keeping.service.lock:
            worker = run.workers["main"]
            assert_is_right(views.course(worker, 0, steps - 1, 1000))
            assert_is_right(views.course(worker, 100, 900, 1000))
            assert [views.moment(worker, row)["step"] for row in (0, 12_345, steps - 1)] == [0, 345, 999]
            assert views.find_row(worker, "eval", 3, 7) == 3007
        say_steps(teller, voice, steps, steps + 2000)
        until(lambda: keeping.steps("long") == steps + 2000, 60)
        with keeping.service.lock:
            assert_is_right(views.course(worker, steps - 1000, steps + 1999, 3000))
        until(lambda: run.nbytes < most * 2, 60)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_run_of_a_million_steps_live_stays_below_a_limit(broker, tmp_path):
    steps, limit_mib = 1_000_000, 64
    with PageProcess(broker, tmp_path / "state", f"--memory-mib={limit_mib}") as page, Teller(broker) as teller:
        page.ready()
        process = psutil.Process(page.pid)
        voice = teller.voice("long", secs_ago=3600)
        voice.say(schema.Status, status="running")
        highest = 0
        for first in range(0, steps, 10_000):
            say_steps(teller, voice, first, first + 10_000)
            page.until_json("/api/run/long", lambda run, end=first + 10_000: run["run"]["steps"] == end, 120)
            highest = max(highest, process.memory_info().rss)
        print(f"highest RSS {highest / MIB:.0f} MiB with memory_mib {limit_mib}")  # noqa: T201 - what was measured
        assert highest < (limit_mib + 400) * MIB
        for row in (0, 123_456, 654_321, steps - 1):
            answer = page.json(f"/api/run/long/worker/main/steps?first={row}&last={row}")
            assert answer["row"] == [row]
            assert_is_right(answer)
        assert_is_right(page.json(f"/api/run/long/worker/main/steps?first=0&last={steps - 1}&points=1000"))
        assert page.json("/api/recording")["missing"] == 0
