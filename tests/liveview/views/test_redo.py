"""Which episodes are repeated, and where none can be."""

import shlex

import pytest
from kit.page.page_state import demo, head, of

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Target
from monty_mqtt_liveview.views import redo

RECOGNITION = "tbp.monty.experiments.MontyObjectRecognitionExperiment"
PRETRAINING = "tbp.monty.experiments.MontySupervisedObjectPretrainingExperiment"
INTERFACE = "tbp.monty.experiment.environment.OneObjectPerEpisodeInterface"


def about(worker="main", **more):
    config = {
        "eval_env_interface_class": INTERFACE,
        "train_env_interface_class": INTERFACE,
        "train_env_interface_args": {"object_names": ["mug", "bowl"]},
        **more.pop("config", {}),
    }
    given = {"experiment": "e", "experiment_class": RECOGNITION, "command_line": ["run.py", "experiment=e"], **more}
    return schema.Info(**head(0, worker), schema_version=1, config=config, **given)


def ended(at, episode, correct, worker="main", mode="eval", target="mug"):
    return schema.EpisodeEnded(
        **head(at, worker), mode=mode, epoch=0, episode=episode, correct=correct, target=Target(object=target)
    )


def redo_of(*messages, **asked):
    (run,) = of(messages)
    answer = redo(run, **asked)
    episodes = None
    if answer["command"]:
        (episodes,) = [word for word in shlex.split(answer["command"]) if word.startswith("episodes=")] or ["no"]
    return episodes and episodes.removeprefix("episodes=").strip("'"), answer["note"], answer["command"]


def test_the_demo():
    learning, recognising = demo()
    answer = redo(recognising)
    assert "\"episodes='5'\"" in answer["command"]
    assert "episode 5" in answer["note"]
    assert "\"episodes='2'\"" in redo(recognising, "main", "eval", 2)["command"]
    assert "coneSolid" in redo(learning, "main", "train", 7)["note"]


def test_all_that_were_not_correct():
    messages = [about(), *(ended(1 + at, at, int(at not in {1, 4, 5})) for at in range(8)), ended(9, 8, None)]
    episodes, note, _ = redo_of(*messages)
    assert episodes == "1,4:6"
    assert "3 evaluation episodes" in note


def test_none_has_failed():
    assert redo_of(about(), ended(1, 0, 1)) == (None, "No episode has failed so far.", None)


def test_just_one():
    assert redo_of(about(), ended(1, 3, 1), worker_name="main", mode="eval", episode=3)[0] == "3"


def test_a_parallel_workers_name_has_the_number_of_its_episode():
    workers = [f"parallel_eval_episode_{number}" for number in (17, 3)]
    messages = [about(parent) for parent in ("main", *workers)] + [ended(1, 0, 0, name) for name in workers]
    assert redo_of(*messages)[0] == "3,17"
    assert redo_of(*messages, worker_name=workers[0], mode="eval", episode=0)[0] == "17"
    assert redo_of(*messages, worker_name=workers[1])[0] == "3"


def test_a_name_that_only_looks_so_has_not():
    worker = "parallel_eval_episode_" + "9" * 5000
    assert redo_of(about(), ended(1, 4, 0, worker))[0] == "4"


def test_a_worker_that_was_forked_has_it_too():
    assert redo_of(about(), ended(1, 0, 0, "parallel_eval_episode_5-4242"))[0] == "5"


def test_a_run_that_only_evaluates_trains_not_either():
    for given_word in ("do_train=false", "do_eval=true", "do_train=true"):
        run = about(command_line=["run.py", "experiment=e", f"experiment.config.{given_word}"])
        words = shlex.split(redo_of(run, ended(1, 0, 0))[2])
        assert [word for word in words if "do_" in word] == [
            "++experiment.config.do_train=false",
            "++experiment.config.do_eval=true",
        ]
    command = redo_of(about(do_train=True, model_path="/models/x"), ended(1, 0, 0))[2]
    assert "++experiment.config.do_train=false" in shlex.split(command)


def test_what_was_just_learned_is_not_there_again():
    episodes, note, _ = redo_of(about(do_train=True), ended(1, 0, 0))
    assert episodes is None
    assert "just learned" in note


@pytest.mark.parametrize("version", ["0.54.0", "0.55.0", "0.56.0.dev1", "1.0", "unknown"])
def test_the_montys_whose_command_line_is_known(version):
    assert redo_of(about(versions={"tbp-monty": version}), ended(1, 0, 0))[0] == "0"


@pytest.mark.parametrize("version", ["0.53.2", "0.9.0", "0.0.1"])
def test_an_older_monty_has_another_command_line(version):
    episodes, note, _ = redo_of(about(versions={"tbp-monty": version}), ended(1, 0, 0))
    assert episodes is None
    assert note.startswith(f"The run's tbp.monty {version} is older than 0.54")


def test_a_training_episode_is_that_of_its_object():
    run = about(experiment_class=PRETRAINING, do_train=True, do_eval=True)
    episodes, note, command = redo_of(
        run, ended(1, 3, None, mode="train", target="bowl"), worker_name="main", mode="train", episode=3
    )
    assert episodes == "no"
    assert "bowl" in note
    words = shlex.split(command)
    assert words[:2] == ["python", "run.py"], "in a worker of its own, the object would have other seeds"
    assert "++experiment.config.do_eval=false" in words
    assert "++experiment.config.n_train_epochs=1" in words


def test_a_parallel_workers_name_has_its_object():
    worker = "parallel_train_episode_bowl"
    run = about(worker, experiment_class=PRETRAINING)
    assert redo_of(run, ended(1, 0, None, worker, "train"), worker_name=worker, mode="train", episode=0)[0] == "1"


@pytest.mark.parametrize(
    ("run", "asked", "why"),
    [
        (schema.Log(**head(0), level="info", message=""), {}, "not said"),
        (schema.Info(**head(0), schema_version=1, experiment="x"), {}, "no experiment of Monty's"),
        (about(config={"eval_env_interface_class": "a.SaccadeOnImageInterface"}), {}, "SaccadeOnImageInterface"),
        (about(), {"mode": "train", "episode": 0}, "depends on those before"),
        (about(experiment_class=PRETRAINING), {"mode": "train", "episode": 9}, "not known which object"),
        (about(experiment_class=PRETRAINING), {"mode": "train"}, "choose one"),
        (about(command_line=["run.py", "-m", "experiment=e,f"]), {"episode": 0}, "sweep"),
        (about(), {"worker_name": "nobody", "episode": 0}, "No episode"),
    ],
)
def test_where_it_cannot_be_repeated_it_says_why(run, asked, why):
    episodes, note, command = redo_of(run, **asked)
    assert (episodes, command) == (None, None)
    assert why in note
