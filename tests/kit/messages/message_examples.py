"""Builds one message of every kind with every field filled; `tests/golden/` holds the bytes of each.

The same files are used in the tests of schema, topics, line protocol and documents. After a change of the schema,
`python tests/kit/messages/message_examples.py` writes them again; their difference is what changes on the wire.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Union

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import (
    Camera,
    Hypothesis,
    LearningModuleEpisode,
    LearningModuleInfo,
    LearningModuleStep,
    ModeProgress,
    SensorModuleInfo,
    SensorModuleStep,
    Target,
)

GOLDEN = Path(__file__).parents[2] / "golden"

HEAD: Dict[str, Any] = {
    "run": "randrot_10distinctobj-20261123T101500-3f9a",
    "worker": "main",
    "seq": 41,
    "time_unix_nanos": 1795428900123456789,
}

TARGET = Target(
    object="mug",
    location=[0.0, 1.5, 0.0],
    rotation=[0.0, 0.7071067811865475, 0.0, 0.7071067811865476],
    rotation_euler_degs=[0.0, 90.0, 0.0],
    scale=1.0,
)

HYPOTHESIS = Hypothesis(
    object="mug",
    evidence=12.25,
    location=[0.01, 1.52, -0.03],
    rotation=[0.0, 0.7071067811865475, 0.0, 0.7071067811865476],
    scale=1.0,
)

LEARNING_MODULE_INFO = LearningModuleInfo(
    learning_module="LM_0",
    class_name="tbp.monty.frameworks.models.evidence_matching.learning_module.EvidenceGraphLM",
    objects=["mug", "bowl"],
    thresholds={"object_evidence_threshold": 1.0, "x_percent_threshold": 20.0, "max_match_distance": None},
    sensor_modules=["patch"],
    vote_partners=["LM_1"],
)

LEARNING_MODULE_EPISODE = LearningModuleEpisode(
    outcome="correct",
    stepwise_outcome="correct",
    most_likely_object="mug",
    detected_object="mug",
    is_correct=True,
    most_likely_targets=["mug"],
    highest_evidence=41.5,
    rotation_error_degs=3.25,
    most_likely_rotation_euler_degs=[0.5, 89.5, None],
    possible_matches=1,
    steps=35,
    individual_outcome="correct",
    individual_step=31,
    symmetry_evidence=2.0,
    prediction_error=0.125,
    goals_attempted=3,
    goals_achieved=2,
    possible_match_sources="mug",
    tfnp="target_in_possible_matches_(TP)",
)

LEARNING_MODULE_STEP = LearningModuleStep(
    evidence={"mug": 12.25, "bowl": 7.5, "spoon": None},
    most_likely=HYPOTHESIS,
    is_correct=True,
    target_graphs=["mug"],
    second_object="bowl",
    margin=4.75,
    possible_matches=["mug", "bowl"],
    evidence_threshold=9.8,
    terminal_state="match",
    hypothesis_counts={"mug": 1200, "bowl": 900},
    target_object="mug",
    stepwise_target_object="mug",
    rotation_error_degs=4.5,
    symmetry_evidence=1.0,
    hypotheses_added=300,
    hypotheses_removed=120,
    hypothesis_age_median=6.5,
    hypothesis_age_max=12,
    evidence_slope_max=0.75,
    prediction_error=0.25,
    goal_location=[0.03, 1.5, 0.04],
    goal_object="bowl",
    is_goal_achieved=False,
)

SENSOR_MODULE_STEP = SensorModuleStep(
    location=[0.01, 1.52, -0.03],
    rotation=[0.0, 0.0, 0.0, 1.0],
    on_object=True,
    features={"hsv": [0.1, 0.9, 0.5], "principal_curvatures_log": [1.5, None], "pose_fully_defined": True},
    pose_vectors=[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
)

GRAPH_TARGETS = {"LM_0": {"new_object0": ["mug"], "new_object1": ["bowl", "spoon"]}}

EPISODE: Dict[str, Any] = {"mode": "eval", "epoch": 1, "episode": 7}

EXAMPLES: Dict[str, Union[schema.Message, schema.Command]] = {
    "info": schema.Info(
        **HEAD,
        schema_version=1,
        experiment="randrot_10distinctobj",
        experiment_class="tbp.monty.frameworks.experiments.object_recognition_experiments.MontyObjectRecognitionExperiment",
        run_name="randrot_10distinctobj",
        group="seeds-20261123T101455-77c1",
        working_directory="/home/me/experiments",
        overrides={"experiment.config.seed": "42"},
        config={"seed": 42, "logging": {"run_name": "randrot_10distinctobj"}, "wandb_api_key": "***"},
        seed=42,
        do_train=True,
        do_eval=True,
        n_train_epochs=2,
        n_eval_epochs=3,
        limits={"max_train_steps": 1000.0, "max_eval_steps": 500.0, "max_total_steps": 6000.0, "min_lms_match": 1.0},
        learning_modules=[LEARNING_MODULE_INFO],
        sensor_modules=[SensorModuleInfo(sensor_module="patch", class_name="tbp.monty.HabitatSM")],
        versions={"python": "3.8.18", "tbp-monty": "0.55.0", "monty-mqtt": "0.1.0"},
        host="lab-7",
        pid=4242,
        environment="tbp.monty",
        git_commit="0123456789abcdef0123456789abcdef01234567",
        command_line=["run.py", "experiment=randrot_10distinctobj", "password=***"],
        model_path="/data/models/surf_agent_1lm_10distinctobj",
        output_dir="/data/results/randrot_10distinctobj",
        show_sensor_output=True,
        episodes_expected={"train": 20, "eval": 30},
    ),
    "status": schema.Status(
        **HEAD,
        status="error",
        stalled=True,
        reason="asked for by a command",
        error_type="builtins.ValueError",
        error_message="no object in view",
        error_traceback='Traceback:\n  File "run.py", line 1, in <module>\nValueError: no object in view\n',
        highest_seq=40,
        lost=2,
        dropped=3,
        too_large=1,
        spooled=7005,
        bridge="lab-7",
        experiment="randrot_10distinctobj",
    ),
    "progress": schema.Progress(
        **HEAD,
        **EPISODE,
        step=12,
        modes={
            "eval": ModeProgress(
                episodes_done=8,
                episodes_expected=30,
                steps=340,
                outcomes={"correct": 5, "correct_mlh": 1, "time_out": 2},
                correct=6,
                accuracy=0.75,
                used_mlh=1,
                rotation_errors=6,
                rotation_error_degs=4.5,
                mean_steps=42.5,
                mean_matching_steps=35.25,
                mean_secs=4.75,
            ),
            "train": ModeProgress(
                episodes_done=10,
                episodes_expected=20,
                steps=1200,
                outcomes={"correct": 9, "no_match": 1},
                correct=9,
                accuracy=0.9,
                rotation_errors=9,
                rotation_error_degs=1.5,
                mean_steps=120.0,
                mean_matching_steps=31.0,
                mean_secs=6.5,
            ),
        },
        episodes_done=18,
        episodes_expected=50,
        elapsed_secs=93.5,
        estimated_end_unix_nanos=1795429082000000000,
    ),
    "episode_started": schema.EpisodeStarted(
        **HEAD, **EPISODE, target=TARGET, episode_seed=1337, graph_targets=GRAPH_TARGETS
    ),
    "episode_ended": schema.EpisodeEnded(
        **HEAD,
        **EPISODE,
        steps=42,
        elapsed_secs=4.75,
        outcome="correct_mlh",
        correct=1,
        used_mlh=1,
        rotation_error_degs=3.25,
        matching_steps=35,
        episode_seed=1337,
        target=TARGET,
        learning_modules={"LM_0": LEARNING_MODULE_EPISODE},
        learned=["mug"],
        graph_targets=GRAPH_TARGETS,
        graph_nodes={"LM_0": {"new_object0": 412, "new_object1": 388}},
        graphs_made={"LM_0": ["new_object1"]},
        graphs_extended={"LM_0": ["new_object0"]},
    ),
    "step": schema.Step(
        **HEAD,
        **EPISODE,
        step=12,
        total_step=1540,
        step_type="matching_step",
        is_motor_only=True,
        step_secs=0.0405,
        monitor_micros=58.5,
        actions=["move_forward", "orient_horizontal"],
        action_amounts=[
            {"distance": 0.004},
            {"rotation_degrees": 5.0, "left_distance": 0.002, "forward_distance": None},
        ],
        target_object="mug",
        learning_modules={"LM_0": LEARNING_MODULE_STEP},
        sensor_modules={"patch": SENSOR_MODULE_STEP},
        non_finite=1,
    ),
    "hypotheses": schema.Hypotheses(
        **HEAD, learning_module="LM_0", episode=7, step=12, objects=["mug", "bowl"], count=2, total=2100
    ),
    "machine": schema.Machine(
        **HEAD,
        process=schema.ProcessUse(
            cpu_percent=187.5, memory_bytes=1_610_612_736, threads=12, gpu_memory_bytes=536_870_912
        ),
        host=schema.HostUse(
            load=3.25, cpus=8, gpu_percent=42.5, disk_free_bytes=107_374_182_400, disk_total_bytes=536_870_912_000
        ),
    ),
    "metric": schema.Metric(**HEAD, name="loss", value=None, metadata={"epoch": 1, "phase": "eval"}, not_finite="inf"),
    "data": schema.Data(
        **HEAD, stream="sensor_data", data={"value": 123, "type": "mine", "run": None, "seq": [1, "two"]}
    ),
    "state": schema.State(**HEAD, state={"phase": "warm-up", "learning_rate": 0.001}),
    "log": schema.Log(
        **HEAD,
        level="warning",
        message='Ünïcode ✓, a "quote"\nand a second line',
        logger="tbp.monty.frameworks.experiments",
        metadata={"attempt": 2},
        suppressed=12,
    ),
    "event": schema.Event(
        **HEAD,
        event="burst_sampling",
        level="debug",
        source="tbp.monty.frameworks.models.evidence_matching",
        fields={"added_ids": [1, 2, 3], "slope": None},
    ),
    "frame": schema.Frame(
        **HEAD,
        sensor="patch",
        modality="depth",
        episode=7,
        step=12,
        height=64,
        width=64,
        total_step=1540,
        near_metres=0.105,
        foreground_min_metres=0.1,
        foreground_max_metres=0.25,
        camera=Camera(
            location=[0.0, 1.5, 0.2], rotation=[0.0, 0.0, 0.0, 1.0], field_of_view_degs=11.421, centre_metres=0.15
        ),
    ),
    "object_model": schema.ObjectModel(
        **HEAD, learning_module="LM_0", object="mug", count=900, channel="patch", episode=3
    ),
    "image": schema.Image(
        **HEAD, name="saliency", format="png", height=48, width=64, channels=3, metadata={"epoch": 1, "step": 12}
    ),
    "points": schema.Points(
        **HEAD,
        name="touched",
        count=2,
        colour_channels=3,
        colour_format="uint8",
        has_sizes=True,
        metadata={"epoch": 1, "step": 12},
    ),
    "histogram": schema.Histogram(
        **HEAD,
        name="weights",
        counts=[3.0, 1.0],
        edges=[-0.5, 0.0, 0.5],
        values=4,
        non_finite=1,
        metadata={"epoch": 1, "step": 12},
    ),
    "table": schema.Table(
        **HEAD,
        name="confusion",
        columns=["object", "seen", "right"],
        rows=[["mug", 9, 0.75], ["bowl", 1, None]],
        metadata={"epoch": 1, "step": 12},
    ),
    "command_result": schema.CommandResult(**HEAD, id="c-1", status="obeyed", detail="at step 12 of episode 7"),
    "end": schema.End(
        **HEAD,
        status="completed",
        dropped=3,
        too_large=1,
        bulk_seq=120,
        bulk_dropped=5,
        errors=1,
        non_finite=4,
        monitor_micros_per_step=61.5,
    ),
    "command": schema.Command(
        id="c-1", command="step", steps=10, reason="look closer", issued_unix_nanos=1795428900000000000
    ),
}


def golden_text(message: Union[schema.Message, schema.Command]) -> str:
    """Return the text of a message's golden file: its JSON in the wire's order, on many lines to be readable."""
    return json.dumps(json.loads(schema.encode(message)), indent=1, ensure_ascii=False) + "\n"


def golden_message(kind: str) -> Any:
    """Return the message that is stored in the golden file of a kind."""
    text = (GOLDEN / f"{kind}.json").read_text(encoding="utf-8")
    wire = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode()
    return schema.decode(wire)


def write_all() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for kind, message in EXAMPLES.items():
        (GOLDEN / f"{kind}.json").write_text(golden_text(message), encoding="utf-8")


if __name__ == "__main__":
    write_all()
