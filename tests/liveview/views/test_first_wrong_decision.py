"""The first wrong decision: where the target lost its lead for good."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.page.page_state import demo, head, only_worker, step

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep
from monty_mqtt_liveview.views import wrong

WORDS_FOR_NO_OBJECT = {None, "no_observations_yet", "patch_off_object", "new_object0"}
NO_TARGET = {None, "no_label"}


def winner_is(name, target="mug", **more):
    """What a supervised learning module says that believes in this."""
    likely = None if name is None else Hypothesis(object=name, evidence=1.0)
    is_judged = name not in WORDS_FOR_NO_OBJECT and target not in NO_TARGET
    judged = {"is_correct": name == target if is_judged else None, "is_new": name == "new_object0"}
    return LearningModuleStep(most_likely=likely, target_object=target, **{**judged, **more})


def verdict(*beliefs, target="mug"):
    """The verdict on one learning module that said this, step by step, in the second of two episodes."""
    before = step(0, episode=0, modules={"LM": winner_is("mug", target)}, target=target)
    steps = (
        step(1 + at, episode=1, number=at, modules={"LM": belief}, target=target) for at, belief in enumerate(beliefs)
    )
    return wrong(only_worker([before, *steps]), "eval", 1)["LM"]


def course(*winners, **more):
    return verdict(*(winner_is(name, **more) for name in winners))


def test_lost_for_good_is_the_step_after_the_last_lead():
    first_wrong = course("mug", "bowl", "mug", "mug", "bowl", "cup", "bowl")
    assert first_wrong == {"verdict": "lost", "row": 5, "step": 4, "winner": "bowl", "target": "mug"}


def test_lost_at_the_very_end():
    assert course("mug", "mug", "bowl")["step"] == 2


def test_never_led():
    first_wrong = course("bowl", "cup", "cup")
    assert first_wrong == {"verdict": "never_led", "row": None, "step": None, "winner": "cup", "target": "mug"}


def test_kept_though_it_was_lost_for_a_while():
    first_wrong = course("bowl", "mug", "bowl", "mug")
    assert (first_wrong["verdict"], first_wrong["row"], first_wrong["winner"]) == ("kept", None, "mug")


@pytest.mark.parametrize("target", [None, "no_label"])
def test_without_ground_truth_there_is_no_verdict(target):
    first_wrong = verdict(winner_is("mug", target), target=target)
    assert (first_wrong["verdict"], first_wrong["target"], first_wrong["row"]) == ("no_target", None, None)


@pytest.mark.parametrize("nobody", [None, "no_observations_yet", "patch_off_object", "new_object0"])
def test_a_step_after_which_nobody_leads_decides_nothing(nobody):
    assert course(nobody, nobody, "mug", nobody)["verdict"] == "kept"
    assert course("mug", nobody, "bowl", nobody)["step"] == 2
    assert course(nobody, nobody)["verdict"] == "no_evidence"


def test_names_decide_nothing():
    def unsupervised(name, *, is_correct):
        return winner_is(name, is_correct=is_correct, is_new=False)

    right, wrong = unsupervised("new_object0", is_correct=True), unsupervised("mug", is_correct=False)
    first_wrong = verdict(right, right, wrong, wrong)
    assert (first_wrong["verdict"], first_wrong["step"], first_wrong["winner"]) == ("lost", 2, "mug")
    assert verdict(wrong, right)["verdict"] == "kept"
    assert verdict(wrong, wrong)["verdict"] == "never_led"


def test_recording_of_before_that_does_not_say_what_is_right_gets_no_verdict():
    first_wrong = course("mug", "bowl", is_correct=None)
    assert first_wrong == {"verdict": "not_told", "row": None, "step": None, "winner": None, "target": "mug"}


def test_the_target_may_be_told_by_step_or_episode_alone():
    target = schema.Target(object="mug")
    start = schema.EpisodeStarted(**head(0), mode="eval", epoch=0, episode=0, target=target)
    modules = {"LM": winner_is("bowl", None)}
    assert wrong(only_worker([start, step(1, modules=modules, target=None)]), "eval", 0)["LM"]["target"] == "mug"
    assert wrong(only_worker([step(1, modules=modules, target="mug")]), "eval", 0)["LM"]["target"] == "mug"


def test_each_learning_module_has_its_own():
    winners = {
        "kept": ["mug", "mug", "mug", "mug"],
        "early": ["mug", "bowl", "bowl", "bowl"],
        "late": ["bowl", "mug", "mug", "cup"],
        "never": ["cup", "cup", "bowl", "cup"],
        "regained": ["mug", "cup", "cup", "mug"],
    }
    steps = [step(at, modules={name: winner_is(names[at]) for name, names in winners.items()}) for at in range(4)]
    verdicts = wrong(only_worker(steps), "eval", 0)
    assert {
        name: (first_wrong["verdict"], first_wrong["step"], first_wrong["winner"])
        for name, first_wrong in verdicts.items()
    } == {
        "kept": ("kept", None, "mug"),
        "early": ("lost", 1, "bowl"),
        "late": ("lost", 3, "cup"),
        "never": ("never_led", None, "cup"),
        "regained": ("kept", None, "mug"),
    }


def test_verdicts_of_the_demo_are_montys():
    worker = demo()[1].workers["main"]
    for key, episode in worker.episodes.items():
        for name, first_wrong in wrong(worker, *key).items():
            outcome = episode.ended.learning_modules[name].outcome
            assert (first_wrong["verdict"] == "kept") == outcome.startswith("correct")
            if first_wrong["row"] is not None:
                assert episode.first_row < first_wrong["row"] <= episode.last_row


def test_learning_modules_without_evidence_have_no_verdict():
    worker = demo()[0].workers["main"]
    assert {first_wrong["verdict"] for first_wrong in wrong(worker, "train", 0).values()} == {"no_evidence"}


def test_an_episode_without_steps_has_no_verdict():
    start = schema.EpisodeStarted(**head(5), mode="eval", epoch=0, episode=1)
    worker = only_worker([step(0, modules={"LM": winner_is("mug")}), start])
    assert wrong(worker, "eval", 1)["LM"]["verdict"] == "no_evidence"
    with pytest.raises(KeyError):
        wrong(worker, "eval", 2)


def naive(judgements):
    """The definition word by word, step by step."""
    decided = [(at, is_correct) for at, is_correct in enumerate(judgements) if is_correct is not None]
    if not decided:
        return "not_told", None
    if not any(is_correct for _, is_correct in decided):
        return "never_led", None
    if decided[-1][1]:
        return "kept", None
    last = max(place for place, (_, is_correct) in enumerate(decided) if is_correct)
    return "lost", decided[last + 1][0]


@settings(deadline=None)
@given(st.lists(st.sampled_from([None, True, False]), min_size=1, max_size=30))
def test_as_the_definition_says(judgements):
    first_wrong = verdict(*(winner_is("cup", is_correct=is_correct) for is_correct in judgements))
    assert (first_wrong["verdict"], first_wrong["step"]) == naive(judgements)
