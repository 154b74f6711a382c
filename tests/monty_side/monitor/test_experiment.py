"""The experiment that runs is the configured one, whichever class that is and however it is named."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import tbp.monty.hydra  # noqa: F401 - registers Monty's resolvers
from hydra import compose, initialize_config_module
from kit.monty import monty_models  # noqa: F401 - imports Monty once, with the warnings of its libraries off
from omegaconf import OmegaConf
from tbp.monty.frameworks.experiments.monty_experiment import MontyExperiment
from tbp.monty.frameworks.experiments.object_recognition_experiments import MontyObjectRecognitionExperiment
from tbp.monty.frameworks.experiments.pretraining_experiments import MontySupervisedObjectPretrainingExperiment
from tbp.monty.frameworks.experiments.profile import ProfileExperimentMixin
from tbp.monty.hydra import instantiate_experiment

from monty_mqtt.errors import ConfigError
from monty_mqtt.experiment import LiveViewMixin, MontyExperimentWithLiveView, subclass_of
from monty_mqtt.monitor.step_hook import LiveViewStepHook

ROOT = Path(__file__).parents[3]
USERS = ("randrot_10distinctobj_surf_agent_with_liveview", "tutorial_surf_agent_2obj_with_liveview")
DEMO = ("monty_mqtt_demo_learn", "monty_mqtt_demo_recognise")
RECOGNITION = f"{MontyObjectRecognitionExperiment.__module__}.{MontyObjectRecognitionExperiment.__qualname__}"
PRETRAINING = (
    f"{MontySupervisedObjectPretrainingExperiment.__module__}.{MontySupervisedObjectPretrainingExperiment.__qualname__}"
)


class Profiled(ProfileExperimentMixin, MontyObjectRecognitionExperiment):
    """As Monty's documentation says how to profile an experiment."""


@pytest.fixture(autouse=True)
def directories(monkeypatch, tmp_path):
    for name in ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in [name for name in os.environ if name.startswith("MONTY_MQTT_")]:
        monkeypatch.delenv(name)


def composed(experiment, *overrides):
    search_path = f"hydra.searchpath=[{ROOT / 'conf'},{ROOT / 'tests' / 'conf'}]"
    with initialize_config_module("tbp.monty.conf", version_base=None):
        config = compose("experiment", [f"experiment={experiment}", search_path, *overrides], return_hydra_config=True)
        OmegaConf.resolve(config.experiment.config.get("liveview", OmegaConf.create()))
    return config.experiment


def made(config):
    """Return the constructor's argument that Monty needs for `config`, plus our keys."""
    needed = {
        "seed": 42,
        "do_train": False,
        "do_eval": True,
        "n_train_epochs": 1,
        "n_eval_epochs": 1,
        "model_name_or_path": "",
        "match_criterion": None,
        "show_sensor_output": False,
        "supervised_lm_ids": [],
        "logging": {"run_name": "r", "output_dir": "out"},
    }
    return OmegaConf.create({**needed, **config})


@pytest.mark.parametrize("name", USERS)
def test_users_experiments_compose_and_name_the_right_classes(name):
    experiment = composed(name)
    assert experiment["_target_"] == "monty_mqtt.experiment.MontyExperimentWithLiveView"
    assert experiment["experiment_class"] == RECOGNITION == composed(original(name))["_target_"]
    config = experiment.config
    assert config.enable_liveview is True
    assert (config.zmq_host, config.zmq_port, config.liveview_port) == ("127.0.0.1", 5555, 8000)
    assert config.sensor_image_throttle_ms == 100
    assert config.logging.run_name == name
    assert (config.do_train, config.do_eval) == (False, True)


def original(name):
    short = name[: -len("_with_liveview")]
    return short.replace("tutorial_surf_agent_2obj", "tutorial/surf_agent_2obj_eval")


@pytest.mark.parametrize("name", USERS)
def test_seeds_command_line_switches_the_monitor_off(name):
    assert composed(name, "enable_liveview=false").config.enable_liveview is False


@pytest.mark.parametrize("name", USERS)
def test_users_experiment_differs_from_montys_in_nothing_but_the_monitor(name):
    ours, theirs = (OmegaConf.to_container(composed(chosen).config, resolve=False) for chosen in (name, original(name)))
    keys = {key for key in ours if ours[key] != theirs.get(key)}
    monitor = {"enable_liveview", "zmq_host", "zmq_port", "liveview_host", "liveview_port", "liveview"}
    expected = {*monitor, "sensor_image_throttle_ms", "logging"}
    assert keys - {"show_sensor_output"} == expected
    assert ours["logging"] == {**theirs["logging"], "run_name": name}


def test_all_processes_of_a_run_get_one_time_from_the_configuration():
    with initialize_config_module("tbp.monty.conf", version_base=None):
        search_path = f"hydra.searchpath=[{ROOT / 'conf'}]"
        config = compose("experiment", [f"experiment={USERS[0]}", search_path], return_hydra_config=True)
        assert config.experiment.config.liveview.started == config.experiment.config.liveview.started != ""


@pytest.mark.parametrize("name", DEMO)
def test_demo_learns_and_recognises_four_objects_with_five_learning_modules(name):
    config = composed(name).config
    phase = "train" if name.endswith("learn") else "eval"
    objects = config[f"{phase}_env_interface_args"].object_names
    assert len(objects) == 4
    assert len(config.monty_config.learning_modules) == 5
    assert len(config[f"{phase}_env_interface_args"].object_init_sampler.rotations) >= 2
    assert config.environment.env_init_args.agents[0]._target_.startswith("tbp.monty.simulators.mujoco.")


def test_demo_recognises_what_it_learned():
    learned = composed(DEMO[0]).config.logging
    place = Path(learned.output_dir) / learned.run_name / "pretrained"
    assert Path(composed(DEMO[1]).config.model_name_or_path) == place


@pytest.mark.parametrize("name", ["mini_recognise_with_liveview"])
def test_instantiated_experiment_is_one_of_the_configured_class(name):
    config = composed(name)
    experiment = instantiate_experiment(config)
    assert isinstance(experiment, MontyObjectRecognitionExperiment)
    assert type(experiment).configured_class is MontyObjectRecognitionExperiment
    assert isinstance(experiment, LiveViewMixin)
    assert experiment.broadcaster.run.startswith("mini_recognise-")


@pytest.mark.parametrize(
    "kind", [MontyExperiment, MontyObjectRecognitionExperiment, MontySupervisedObjectPretrainingExperiment, Profiled]
)
def test_every_experiment_class_can_be_watched(kind):
    experiment = MontyExperimentWithLiveView(made({}), f"{kind.__module__}.{kind.__qualname__}")
    assert isinstance(experiment, kind)
    assert isinstance(experiment, LiveViewMixin)
    assert type(experiment) is subclass_of(kind), "one class per class, so that two of them compare equal"


def test_without_a_class_it_is_the_one_most_configurations_name():
    assert isinstance(MontyExperimentWithLiveView(made({})), MontyObjectRecognitionExperiment)


def test_own_class_with_the_mixin_is_left_as_it_is():
    class Mine(LiveViewMixin, MontyObjectRecognitionExperiment):
        pass

    assert subclass_of(Mine) is Mine
    assert Mine(made({})).broadcaster.worker == "main"


def test_disabled_experiment_has_a_broadcaster_that_does_nothing_and_the_users_hook():
    def hook(*_):
        raise AssertionError

    experiment = MontyExperimentWithLiveView(made({"enable_liveview": False}))
    assert not isinstance(experiment._step_hook, LiveViewStepHook)
    assert experiment.broadcaster.enabled is False
    experiment.broadcaster.publish_metric("a", 1)
    assert experiment.broadcaster.counts.published == 0


def test_constructor_publishes_nothing():
    experiment = MontyExperimentWithLiveView(made({}))
    assert isinstance(experiment._step_hook, LiveViewStepHook)
    assert experiment.broadcaster.counts.published == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no.such.Class", "the dotted name of an experiment class"),
        ("nodots", "the dotted name of an experiment class"),
        ("os.path.join", "the experiment class itself"),
        ("monty_mqtt.experiment.MontyExperimentWithLiveView", "the experiment class itself"),
    ],
)
def test_wrong_class_is_one_line(name, reason):
    with pytest.raises(ConfigError, match=reason) as error:
        MontyExperimentWithLiveView(made({}), name)
    assert "\n" not in str(error.value)


def test_wrong_setting_stops_it_before_anything_is_made():
    with pytest.raises(ConfigError, match="did you mean 'strict'"):
        MontyExperimentWithLiveView(made({"liveview": {"strikt": True}}))


def test_worker_of_a_parallel_run_says_when_it_cannot_know_the_run(caplog):
    config = made({"logging": {"run_name": "r-parallel_eval_episode_3", "output_dir": "out"}})
    with caplog.at_level(logging.WARNING):
        experiment = MontyExperimentWithLiveView(config)
    assert experiment.broadcaster.worker == "parallel_eval_episode_3"
    assert "experiment.config.liveview.started" in caplog.text
