"""Results and head of a run: what was published, as episodes end."""

from __future__ import annotations

import pytest
from kit.machine.child_process import until
from kit.messages.told_modes import evaluated
from kit.page.teller import HOSTILE
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, LearningModuleInfo, Target

pytestmark = pytest.mark.timeout(120)

LM_0, LM_1 = "learning_module_0", "learning_module_1"


def end(
    voice,
    number: int,
    shown: str,
    names: tuple[str, str],
    *,
    correct: int,
    error: float | None,
    secs: float,
    mode: str = "eval",
) -> None:
    """An episode that ended; `names`: what each learning module took it for."""
    modules = {
        module: LearningModuleEpisode(
            most_likely_object=name,
            outcome="correct" if name == shown else "confused",
            is_correct=name == shown,
            rotation_error_degs=error,
        )
        for module, name in zip((LM_0, LM_1), names, strict=True)
    }
    target = Target(object=shown, rotation_euler_degs=[0.0, 90.0, 0.0])
    voice.say(schema.EpisodeStarted, mode=mode, episode=number, target=target)
    voice.say(
        schema.EpisodeEnded,
        after_secs=secs,
        mode=mode,
        episode=number,
        steps=10 * (number + 1),
        elapsed_secs=secs,
        outcome="correct" if correct else "confused",
        correct=correct,
        used_mlh=0,
        rotation_error_degs=error,
        target=target,
        learning_modules=modules,
    )


def cell(page, shown: str, recognised: str):
    matrix = page.get_by_role("table").filter(has=page.locator("caption", has_text="object shown"))
    row = matrix.locator("tbody tr").filter(has=page.get_by_role("rowheader", name=shown, exact=True))
    row.wait_for()
    place = 1 + matrix.locator("thead th").all_inner_texts().index(recognised)
    return row.locator("th, td").nth(place)


def test_the_matrix_counts_what_was_shown_and_recognised(watched, teller):
    voice = teller.voice("matrix", secs_ago=300)
    voice.say(schema.Status, status="running")
    end(voice, 0, "mug", ("mug", "mug"), correct=1, error=10.0, secs=4)
    end(voice, 1, "mug", ("bowl", "mug"), correct=0, error=170.0, secs=8)
    teller.done()
    page = watched.open("/run/matrix")
    page.get_by_role("tabpanel").get_by_label("Learning module").select_option(LM_0)
    expect(cell(page, "mug", "mug")).to_have_text("1")
    expect(cell(page, "mug", "bowl")).to_have_text("1")
    page.get_by_role("tabpanel").get_by_label("Learning module").select_option(LM_1)
    expect(cell(page, "mug", "mug")).to_have_text("2")
    end(voice, 2, HOSTILE, (HOSTILE, "bowl"), correct=1, error=20.0, secs=6)
    voice.say(schema.Progress, episodes_done=3, modes=evaluated(correct=2, confused=1))
    teller.done()
    expect(cell(page, HOSTILE, "bowl")).to_have_text("1")


def test_results_per_object_and_their_courses(watched, teller):
    voice = teller.voice("objects", secs_ago=300)
    voice.say(schema.Status, status="running")
    for number, (correct, error) in enumerate(((1, 10.0), (0, 30.0), (1, 20.0))):
        end(voice, number, "mug", ("mug", "mug"), correct=correct, error=error, secs=4.0)
    end(voice, 3, "bowl", ("bowl", "bowl"), correct=1, error=5.0, secs=8.0)
    teller.done()
    page = watched.open("/run/objects")
    table = page.get_by_role("group", name="Results per object")
    mug = table.get_by_role("row").filter(has_text="mug")
    for words in ("3", "66.7 %", "20.0°", "4 s"):
        expect(mug).to_contain_text(words)
    expect(page.get_by_test_id("results-mode")).to_have_text("4 eval episodes (evaluation)")
    expect(page.get_by_text("3 of 4; 95 % interval 30.1 % to 95.4 %")).to_be_visible()
    for title in ("Steps per episode", "Time per episode", "Rotation error"):
        chart = page.get_by_role("img", name=title)
        chart.scroll_into_view_if_needed()
        expect(chart.locator("canvas")).to_be_visible()
        assert "from" in chart.get_attribute("aria-label")


def test_results_by_object_and_rotation(watched, teller):
    voice = teller.voice("poses", secs_ago=300)
    voice.say(schema.Status, status="running")
    end(voice, 0, "mug", ("mug", "mug"), correct=1, error=10.0, secs=4.0)
    end(voice, 1, "mug", ("bowl", "bowl"), correct=0, error=None, secs=4.0)
    end(voice, 2, HOSTILE, ("bowl", "bowl"), correct=0, error=90.0, secs=8.0)
    teller.done()
    page = watched.open("/run/poses")
    poses = page.get_by_test_id("rotations")
    expect(poses.locator("thead th")).to_have_text(["0, 90, 0°"])
    mug = poses.get_by_role("button", name="mug at 0, 90, 0°")
    expect(mug).to_contain_text("50.0 %")
    expect(mug).to_contain_text("1 of 2")
    expect(poses.get_by_role("rowheader", name=HOSTILE, exact=True)).to_be_visible()
    for value, words in (("rotation_error_degs", "10.0°"), ("mean_steps", "15")):
        page.get_by_test_id("rotations-value").select_option(value)
        expect(mug).to_contain_text(words)


def number(page, label: str):
    """A number above the results, and what stands under it."""
    numbers = page.get_by_role("tabpanel").locator(".numbers > div")
    return numbers.filter(has=page.locator("dt").get_by_text(label, exact=True))


def test_training_and_evaluation_are_never_one_number(watched, teller):
    """Two first sights and two evaluations, one correct: Monty says 50 % in evaluation, not 25 %."""
    voice = teller.voice("both", secs_ago=300)
    voice.say(schema.Status, status="running")
    for at in range(2):
        end(voice, at, "mug", ("new", "new"), correct=0, error=None, secs=4.0, mode="train")
    end(voice, 0, "mug", ("mug", "mug"), correct=1, error=10.0, secs=2.0)
    end(voice, 1, "mug", ("bowl", "bowl"), correct=0, error=None, secs=2.0)
    teller.done()
    page = watched.open("/run/both")
    head = page.locator(".run-details .numbers")
    expect(head.locator("div").filter(has_text="Accuracy so far, eval")).to_contain_text("50.0 %")
    expect(head.locator("div").filter(has_text="Accuracy so far, train")).to_contain_text("0.0 %")
    assert [bar.get_attribute("data-mode") for bar in page.locator(".run-head [data-mode]").all()] == ["eval", "train"]
    choice = page.get_by_test_id("results-mode").get_by_role("button")
    expect(choice).to_have_text(["eval (evaluation)", "train (training)"])
    expect(choice.first).to_have_attribute("aria-pressed", "true")
    expect(number(page, "Accuracy")).to_contain_text("50.0 %")
    expect(number(page, "Mean steps")).to_contain_text("15")
    expect(cell(page, "mug", "bowl")).to_have_text("1")
    choice.last.click()
    expect(number(page, "Accuracy")).to_contain_text("0 of 2")
    expect(number(page, "Mean rotation error")).to_contain_text("of 0 learning modules' results")
    expect(cell(page, "mug", "new")).to_have_text("2")
    expect(page.get_by_role("heading", name="Per object, train")).to_be_visible()
    page.goto(watched.url)
    row = page.get_by_role("row", name="both")
    expect(row).to_contain_text("1 of 2 in evaluation")
    expect(row).to_contain_text("0 of 2 in training")


def test_a_run_that_is_over_expects_no_verdict_any_more(watched, teller):
    voice = teller.voice("taught", secs_ago=60)
    voice.say(schema.Status, status="running")
    voice.say(schema.Step, episode=0, step=0)
    teller.done()
    page = watched.open("/run/taught")
    panel, numbers = page.get_by_role("tabpanel"), page.locator(".numbers").first
    expect(panel).to_contain_text("No results yet")
    expect(numbers).to_contain_text("no episode judged yet")
    voice.say(schema.EpisodeEnded, episode=0, steps=1)
    voice.say(schema.Status, status="completed")
    teller.done()
    expect(panel).to_contain_text("No episode was judged")
    expect(numbers).to_contain_text("no episode judged")
    expect(numbers).not_to_contain_text("yet")
    page.goto(watched.url)
    taught = page.get_by_role("row", name="taught")
    expect(taught).to_contain_text("none judged")
    expect(taught).not_to_contain_text("yet")


def pixel(chart) -> list[int]:
    """The colour of most of a chart's bars, as it is drawn."""
    return chart.locator("canvas").evaluate("""canvas => {
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        const counts = {};
        for (let i = 0; i < data.length; i += 4) {
            const colour = data.slice(i, i + 3).join();
            if (data[i + 3] === 255) counts[colour] = (counts[colour] ?? 0) + 1;
        }
        return Object.keys(counts).sort((a, b) => counts[b] - counts[a])[0].split(",").map(Number);
    }""")


def test_charts_turn_dark_with_the_page(watched, teller):
    voice = teller.voice("turning", secs_ago=300)
    voice.say(schema.Status, status="running")
    for number in range(4):
        end(voice, number, "mug", ("mug", "mug"), correct=1, error=10.0, secs=4.0)
    teller.done()
    watched.page.emulate_media(color_scheme="light")
    page = watched.open("/run/turning")
    chart = page.get_by_role("img", name="Steps per episode")
    chart.scroll_into_view_if_needed()
    chart.locator("canvas").wait_for()
    light = pixel(chart)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    until(lambda: pixel(chart) != light)


def test_the_head_has_what_the_first_version_showed(watched, teller):
    voice = teller.voice("head", secs_ago=60)
    voice.say(
        schema.Info,
        experiment="surf_agent",
        experiment_class="tbp.monty.Experiment",
        environment="tbp.monty",
        run_name="surf_agent_10",
        seed=1337,
        do_train=False,
        do_eval=True,
        n_train_epochs=3,
        n_eval_epochs=14,
        show_sensor_output=False,
        model_path="/models/ten_objects",
        limits={"max_train_steps": 4000, "max_eval_steps": 500, "max_total_steps": 6000, "min_lms_match": 2},
        learning_modules=[LearningModuleInfo(learning_module=LM_0, class_name="EvidenceGraphLM")],
        command_line=["python", "run.py", HOSTILE],
        config={"logging": {"output_dir": "/results"}},
    )
    voice.say(schema.Status, status="running", lost=2, dropped=1)
    modes = {"eval": schema.ModeProgress(steps=1234, episodes_done=46), "train": schema.ModeProgress(steps=56)}
    voice.say(schema.Progress, epoch=4, episode=46, step=12, modes=modes, episodes_done=46)
    teller.done()
    page = watched.open("/run/head")
    page.get_by_text("Configuration and machine").click()
    facts = page.locator(".facts > div")
    expected = {
        "Experiment": "surf_agent",
        "Config": "surf_agent_10",
        "Environment": "tbp.monty",
        "Mode": "eval",
        "Training": "no",
        "Evaluation": "yes",
        "Seed": "1337",
        "Show sensor output": "no",
        "Model": "ten_objects",
        "Learning modules": "1",
        "Min LMs match": "2",
        "Max train steps": "4,000",
        "Max eval steps": "500",
        "Max total steps": "6,000",
        "Train epochs": "3",
        "Eval epochs": "14",
        "Train steps": "56",
        "Eval steps": "1,234",
        "Train episodes": "0",
        "Eval episodes": "46",
        "Current epoch": "5",
    }
    for label, value in expected.items():
        fact = facts.filter(has=page.locator("dt").get_by_text(label, exact=True))
        expect(fact.locator("dd").first).to_have_text(value)
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    numbers = page.locator(".run-details .numbers")
    expect(numbers.locator("div").filter(has_text="Lost, dropped")).to_contain_text("2, 1")


def test_an_error_is_shown_with_its_traceback(watched, teller):
    voice = teller.voice("broken", secs_ago=10)
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1'
    voice.say(schema.Status, status="running")
    voice.say(schema.Status, status="error", error_type="ValueError", error_message=HOSTILE, error_traceback=trace)
    teller.done()
    page = watched.open("/run/broken")
    box = page.get_by_role("region", name="Error of main")
    expect(box).to_contain_text("ValueError")
    expect(box).to_contain_text(HOSTILE)
    box.get_by_text("Traceback").first.click()
    expect(box.locator("pre")).to_contain_text("line 1")
    assert page.title().startswith("✕")
    assert "D55E00" in page.locator("link[rel=icon]").get_attribute("href")
