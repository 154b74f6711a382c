"""Command lines that Hydra, the shell and Monty's parallel runner take as they are meant."""

import shlex
import subprocess
from pathlib import Path

import pytest
import tbp.monty
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.monty import monty_models  # noqa: F401 - imports Monty once, with the warnings of its libraries off
from kit.page.page_state import demo
from omegaconf import OmegaConf
from tbp.monty.frameworks.run_parallel import (
    filter_episode_configs,
    generate_parallel_eval_configs,
    parse_episode_spec,
)

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.wire import schema
from monty_mqtt_liveview.views import redo
from monty_mqtt_liveview.views.redo_command_line import LOGGING, command_line, for_hydra, for_shell, ranges, run_name

CONF = Path(next(iter(tbp.monty.__path__))) / "conf"
PARSER = OverridesParser.create()
HOSTILE = [
    "a b",
    "it's",
    'say "x"',
    "$(touch /tmp/pwned)",
    "`id`",
    "a;b&c|d>e",
    "a\\b",
    "a\\'b",
    "tail\\",
    "a,b",
    "[x]",
    "{a: b}",
    "a=b",
    "${oc.env:HOME}",
    "\\${x}",
    "naïve ✓ 🤖",
    "!history",
    "new\nline",
    "tab\tand \x1b[201~escape",
    "null",
    "true",
    "12",
    "-rf",
    "#no comment",
    "~",
    "*",
]


def about(*command_line, **more):
    return schema.Info(
        run="r", worker="main", seq=0, time_unix_nanos=1, schema_version=1, command_line=list(command_line), **more
    )


def composed(words, conf=CONF):
    with initialize_config_dir(str(conf), version_base=None):
        return compose("experiment", overrides=[word for word in words if "=" in word or word.startswith("~")])


def in_bash(command):
    """The words that bash makes of a command line."""
    printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout
    return printed.decode("utf-8", "surrogateescape").split("\0")[:-1]


def test_what_run_py_started_goes_to_its_neighbour():
    command, notes = command_line(about("run.py", "experiment=a/b", "experiment.config.seed=7"), "3")
    assert shlex.split(command) == [
        "python",
        "run_parallel.py",
        "num_parallel=1",
        "experiment=a/b",
        "experiment.config.seed=7",
        "episodes='3'",
        LOGGING,
        "++experiment.config.logging.run_name=experiment_redo",
    ]
    assert any("directory" in note for note in notes)
    command, _ = command_line(about("/home/x y/monty/run.py", "experiment=a"), "3")
    assert shlex.split(command)[:3] == ["python", "/home/x y/monty/run_parallel.py", "num_parallel=1"]


@pytest.mark.parametrize("program", ["/x/monty_mqtt/run.py", "/x/notebook.py", "-c", ""])
def test_everything_else_goes_to_monty_mqtt_run(program):
    command, _ = command_line(about(program, "experiment=a"), "3")
    assert shlex.split(command)[:5] == ["monty-mqtt", "run", "--parallel", "1", "experiment=a"]


def test_hydras_own_flags_stay_flags():
    command, _ = command_line(about("/x/monty_mqtt/run.py", "experiment=a", "--config-dir", "/my conf", "x=1"), "3")
    words = shlex.split(command)
    assert words[:7] == ["python", "-m", "monty_mqtt.run", "--parallel", "1", "--config-dir", "/my conf"]
    command, _ = command_line(about("run.py", "-cd", "c", "experiment=a"), "3")
    assert shlex.split(command)[:6] == ["python", "run_parallel.py", "-cd", "c", "num_parallel=1", "experiment=a"]


def test_it_runs_where_the_run_did():
    command, notes = command_line(about("run.py", "experiment=a", working_directory="/my work"), "3")
    assert shlex.split(command)[:5] == ["cd", "/my work", "&&", "python", "run_parallel.py"]
    assert not any("directory that has" in note for note in notes)


def test_without_chosen_episodes_it_is_the_runner_for_one_process():
    assert shlex.split(command_line(about("run.py", "experiment=a"), None)[0])[:3] == [
        "python",
        "run.py",
        "experiment=a",
    ]
    assert shlex.split(command_line(about("x.py", "experiment=a"), None)[0])[:3] == [
        "monty-mqtt",
        "run",
        "experiment=a",
    ]


def test_a_run_that_did_not_say_how_it_was_started_is_started_by_its_experiment():
    command, _ = command_line(about(experiment="test/evidence_lm/evidence_mujoco"), "0,3")
    assert "experiment=test/evidence_lm/evidence_mujoco" in shlex.split(command)


def test_what_the_repetition_sets_itself_is_not_kept():
    given_words = [
        "experiment=a",
        "num_parallel=16",
        "episodes='0:5'",
        "+hydra.callbacks.live_view._target_=monty_mqtt.run.LiveViewCallback",
        "++hydra.callbacks.live_view_parallel._target_=monty_mqtt.parallel.ParallelCallback",
        "experiment.config.liveview.run=mine",
        "+experiment.config.liveview.started=2026-01-01",
        "experiment.config.logging.run_name=mine",
        "experiment.config.logging.monty_data_logger.handlers=[]",
        "experiment.config.do_train=true",
        "experiment.config.logging.output_dir=/x",
        "hydra.searchpath=[file:///conf]",
    ]
    command, _ = command_line(about("run.py", *given_words), "3")
    assert shlex.split(command)[3:6] == [
        "experiment=a",
        "experiment.config.logging.output_dir=/x",
        "hydra.searchpath=[file:///conf]",
    ]


def test_the_model_is_named_for_a_terminal_that_has_other_directories():
    config = {"model_name_or_path": "/models of mine/pretrained"}
    command, _ = command_line(about("run.py", "experiment=a", config=config), "3")
    assert "++experiment.config.model_name_or_path='/models of mine/pretrained'" in shlex.split(command)
    word = "experiment.config.model_name_or_path=/other"
    command, _ = command_line(about("run.py", "experiment=a", word, config=config), "3")
    assert [override for override in shlex.split(command) if "model_name_or_path" in override] == [word]
    for nowhere in ({}, {"model_name_or_path": ""}, {"model_name_or_path": None}):
        assert "model_name" not in str(command_line(about("run.py", config=nowhere), "3")[0])


@pytest.mark.parametrize(
    ("run", "written", "is_parent"),
    [
        ("mine", "/logs of mine/mine/mine", False),
        ("mine", "/logs of mine/mine", True),
        ("mine", "/logs of mine/mine/mine/pretrained", False),
        ("mine-parallel_eval_episode_3", "/logs of mine/mine/mine/mine-parallel_eval_episode_3", False),
        ("mine-parallel_train_episode_a", "/logs of mine/mine/mine/mine-parallel_train_episode_a/pretrained", False),
    ],
    ids=["one process", "a parallel run", "pretraining", "a worker", "a worker that trains"],
)
def test_it_says_where_the_results_will_be_and_they_will(run, written, is_parent):
    fields = {"output_dir": None if is_parent else written, "config": {"logging": {"output_dir": written}}}
    given_words = ("run.py", "experiment=test/evidence_lm/evidence_mujoco")
    command, notes = command_line(about(*given_words, run_name=run, **fields), "0")
    assert "Every step is then in /logs of mine/mine/mine_redo/detailed_run_stats.json; it is large." in notes
    composed_config = composed(in_bash(command)[2:])
    name = composed_config.experiment.config.logging.run_name
    (worker,) = filter_episode_configs(generate_parallel_eval_configs(composed_config.experiment, name), "0")
    # Monty's runner puts the workers' results together in the directory above theirs.
    assert str(Path(worker["config"]["logging"]["output_dir"]).parent) == "/logs of mine/mine/mine_redo"


@pytest.mark.parametrize("config", [{}, {"logging": None}, {"logging": {"output_dir": "…/mine"}}])
def test_where_the_run_did_not_say_it_names_the_directory_alone(config):
    command, notes = command_line(about("run.py", run_name="mine", config=config), "0")
    assert "output_dir" not in command
    assert (
        "Every step is then in mine_redo/detailed_run_stats.json, where Monty writes its results; it is large." in notes
    )


def test_a_directory_that_the_command_line_named_is_not_named_again():
    word = "experiment.config.logging.output_dir=/x"
    fields = {"output_dir": "/x/mine", "config": {"logging": {"output_dir": "/x/mine"}}}
    command, notes = command_line(about("run.py", "experiment=a", word, run_name="mine", **fields), "0")
    assert [override for override in shlex.split(command) if "output_dir" in override] == [word]
    assert "Every step is then in /x/mine_redo/detailed_run_stats.json; it is large." in notes


def test_secrets_that_were_masked_are_named():
    command, notes = command_line(about("run.py", "experiment=a", "experiment.config.wandb_key=***"), "3")
    assert "experiment.config.wandb_key=***" in shlex.split(command)
    assert any("***" in note for note in notes)


def test_one_of_a_sweep_cannot_be_told_apart():
    assert command_line(about("run.py", "--multirun", "experiment=a,b"), "3")[0] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo", "demo_redo"),
        ("demo-parallel_eval_episode_12", "demo_redo"),
        ("../../x y$(id)", ".._.._x_y__id__redo"),
        ("", "evidence_redo"),
        ("ü", "__redo"),
    ],
)
def test_results_do_not_take_the_place_of_the_runs_own(name, expected):
    assert run_name(about(run_name=name, experiment="test/evidence")) == expected


@given(st.sets(st.integers(0, 60)))
def test_montys_runner_reads_the_episodes(numbers):
    text = ranges(sorted(numbers))
    if numbers:
        assert parse_episode_spec(text, 61) == sorted(numbers)


def test_ranges_are_short():
    assert ranges([0, 3, 5, 6, 7, 9, 10]) == "0,3,5:8,9:11"


@settings(deadline=None, max_examples=50)
@given(st.one_of(st.text(), st.sampled_from(HOSTILE), st.text("\\'${}", max_size=8)))
def test_hydra_takes_a_text_as_it_is(text):
    parsed = PARSER.parse_override(f"experiment={for_hydra(text)}").value()
    assert OmegaConf.create({"experiment": parsed}).experiment == text


@pytest.mark.parametrize("text", HOSTILE)
def test_the_shell_takes_a_word_as_it_is(text):
    command = for_shell(f"key={text}")
    assert command.isprintable()
    assert in_bash(command) == [f"key={text}"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=20))
def test_the_shell_takes_any_words(words):
    assert in_bash(" ".join(map(for_shell, words)) or "''") == (words or [""])


@pytest.fixture(autouse=True)
def directories(monkeypatch):
    for name in ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"):
        monkeypatch.setenv(name, "/nowhere")


def is_detailed(config):
    logger = config.experiment.config.logging.monty_data_logger
    handlers = [handler["_target_"].rpartition(".")[2] for handler in logger.handlers]
    logger_class = logger["_target_"].rpartition(".")[2]
    return (logger_class, handlers) == (
        "DetailedGraphMatchingLogger",
        ["BasicCSVStatsHandler", "DetailedJSONHandler"],
    )


@pytest.mark.parametrize("value", HOSTILE)
def test_hydra_composes_what_is_repeated(value):
    word = f"++experiment.config.note={for_hydra(value)}"
    run = about("run.py", "experiment=test/evidence_lm/evidence_mujoco", word, run_name=value)
    command, _ = command_line(run, ranges([0, 2]), ["++experiment.config.do_train=false"])
    config = composed(in_bash(command)[2:])
    assert config.experiment.config.note == value
    assert parse_episode_spec(config.episodes, 3) == [0, 2]
    assert (config.num_parallel, config.experiment.config.do_train) == (1, False)
    assert config.experiment.config.logging.run_name.endswith("_redo")
    assert is_detailed(config)


@pytest.mark.parametrize(
    "experiment",
    [
        "randrot_noise_10distinctobj_5lms_dist_agent_mujoco",
        "supervised_pre_training_5lms_mujoco",
        "test/no_reset_evidence_lm/unsupervised",
        "test/evidence_lm/five_lm_mujoco",
    ],
)
@pytest.mark.parametrize("more", [[], ["logging=silent_info_monty_runs"]])
def test_the_logging_is_detailed_whatever_the_experiment_says(experiment, more):
    command, _ = command_line(about("run.py", f"experiment={experiment}", *more), "0")
    assert is_detailed(composed(in_bash(command)[2:]))


@pytest.mark.parametrize("episode", ["7", "0,3", "2:4"])
def test_episodes_stay_a_text(episode):
    command, _ = command_line(about("run.py", "experiment=test/evidence_lm/evidence_mujoco"), episode)
    assert composed(in_bash(command)[2:]).episodes == episode


@pytest.mark.parametrize("episode", [5, 10])
def test_montys_runner_shows_the_same_object_in_the_same_pose(episode):
    run = demo()[1]
    command = redo(run, "main", "eval", episode)["command"]
    config = composed([*in_bash(command)[4:], f"hydra.searchpath=[file://{conf_dir()}]"])
    workers = generate_parallel_eval_configs(config.experiment, config.experiment.config.logging.run_name)
    (chosen,) = filter_episode_configs(workers, config.episodes)
    shown = run.workers["main"].episodes["eval", episode].target
    arguments = chosen["config"]["eval_env_interface_args"]
    assert arguments["object_names"] == [shown.object]
    assert list(arguments["object_init_sampler"].rotations[0]) == shown.rotation_euler_degs
    assert chosen["config"]["logging"]["run_name"] == f"monty_mqtt_demo_recognise_redo-parallel_eval_episode_{episode}"
