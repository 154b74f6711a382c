"""The parent of a parallel run: it tells how many episodes there are, answers commands, and says how it ended."""

from __future__ import annotations

import monty_parts  # noqa: F401 - imports Monty once, with the warnings of its libraries off
import pytest
import tbp.monty.hydra  # noqa: F401 - registers Monty's resolvers
from omegaconf import OmegaConf
from router import Router

from monty_mqtt import schema
from monty_mqtt.parallel import ParallelParent, episodes_in_all

SAMPLER = {
    "_target_": "tbp.monty.frameworks.environments.object_init_samplers.Predefined",
    "rotations": [[0, 0, 0], [0, 90, 0], [0, 180, 0]],
}


def composed(mode, port=1, episodes="all"):
    config = {
        "do_train": mode == "train",
        "do_eval": mode == "eval",
        "n_eval_epochs": 3,
        "n_train_epochs": 3,
        "seed": 42,
        "zmq_port": port,
        "logging": {"run_name": "r"},
        "liveview": {"run": "r-1", "strict": True},
        f"{mode}_env_interface_args": {"object_names": ["mug", "bowl"], "object_init_sampler": SAMPLER},
    }
    return OmegaConf.create({"experiment": {"experiment_class": "a.B", "config": config}, "episodes": episodes})


@pytest.fixture
def router():
    with Router() as router:
        yield router


@pytest.mark.parametrize(
    ("mode", "episodes", "expected"),
    [
        ("eval", "all", {"eval": 6}),
        ("eval", ":4", {"eval": 4}),
        ("eval", "0,3:5", {"eval": 3}),
        ("train", "all", {"train": 6}),
        ("train", "1", {"train": 3}),
    ],
)
def test_episodes_in_all_are_as_many_as_monty_makes(mode, episodes, expected):
    assert episodes_in_all(composed(mode, episodes=episodes)) == expected


def test_parent_is_the_worker_main_of_the_run(router):
    with ParallelParent() as parent:
        parent.begin(composed("eval", router.port), {})
    info, running, completed, end = router.messages("r-1")
    assert (info.experiment_class, info.run_name, info.seed) == ("a.B", "r", 42)
    assert info.episodes_expected == {"eval": 6}
    assert [running.status, completed.status, end.status] == ["running", "completed", "completed"]


def run_that_fails(router, error):
    with ParallelParent() as parent:
        parent.begin(composed("eval", router.port), {})
        raise error


def test_failure_is_told(router):
    with pytest.raises(ZeroDivisionError):
        run_that_fails(router, ZeroDivisionError)
    assert [m.status for m in router.messages("r-1") if isinstance(m, schema.Status)] == ["running", "error"]


def test_interrupt_is_told(router):
    with pytest.raises(KeyboardInterrupt):
        run_that_fails(router, KeyboardInterrupt)
    last = [m for m in router.messages("r-1") if isinstance(m, schema.Status)][-1]
    assert (last.status, last.reason) == ("aborted", "Ctrl+C")


def test_abort_is_answered_while_the_workers_run(router):
    with ParallelParent() as parent:
        parent.begin(composed("eval", router.port), {})
        assert router.wait(lambda: bool(router.messages("r-1")))
        router.say(schema.Command(id="7", command="abort", reason="enough"), "r-1")
        answered = lambda: any(isinstance(m, schema.CommandResult) for m in router.messages("r-1"))  # noqa: E731
        assert router.wait(answered)
    assert parent.cut_short == "enough"
    last = [m for m in router.messages("r-1") if isinstance(m, schema.Status)][-1]
    assert (last.status, last.reason) == ("aborted", "enough")


def answer_of(router, command, **fields):
    known = len(results(router))
    router.say(schema.Command(id=f"{known}", command=command, **fields), "r-1")
    assert router.wait(lambda: len(results(router)) > known)
    return results(router)[-1].detail


def results(router):
    return [message for message in router.messages("r-1") if isinstance(message, schema.CommandResult)]


def test_parent_says_what_its_workers_do(router):
    with ParallelParent() as parent:
        parent.begin(composed("eval", router.port), {})
        assert router.wait(lambda: bool(router.messages("r-1")))
        assert answer_of(router, "pause") == "paused with all its workers"
        assert answer_of(router, "step", steps=2).startswith("2 steps from here, then paused")
        assert answer_of(router, "resume") == "resumed with all its workers"
        assert answer_of(router, "stop", reason="enough") == "stops after the episodes under way"
    assert parent.cut_short == "stopped by command: enough"
    words = [message.status for message in router.messages("r-1") if isinstance(message, schema.Status)]
    assert words == ["running", "paused", "running", "paused", "running", "running", "aborted"]


def test_paused_parent_ends_with_its_workers(router):
    with ParallelParent() as parent:
        parent.begin(composed("eval", router.port), {})
        assert router.wait(lambda: bool(router.messages("r-1")))
        answer_of(router, "pause")
    assert parent.cut_short is None
    assert router.messages("r-1")[-1].status == "completed"


def test_without_a_beginning_there_is_no_end():
    with ParallelParent() as parent:
        pass
    assert parent.cut_short is None
