"""This module describes what is being run, with what, and where, as the fields of Info. Reads only.

Called by `monitored_run`, `monitored_task` and `parent`, once when a run begins.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List, Optional

from monty_mqtt.config import LiveViewConfig
from monty_mqtt.masking.config_masking import masked, masked_arguments
from monty_mqtt.process_info import this_process
from monty_mqtt.sweep_job import command_line, own_overrides
from monty_mqtt.wire.message_pieces import LearningModuleInfo, SensorModuleInfo

__all__ = [
    "composed_fields",
    "config_fields",
    "episodes_expected",
    "git_commit",
    "info_fields",
    "process_fields",
    "versions",
]

_DISTRIBUTIONS = ("tbp-monty", "torch", "numpy", "scipy", "mujoco", "habitat-sim", "pyzmq", "msgspec")
_LIMITS = ("min_train_steps", "min_eval_steps", "max_train_steps", "max_eval_steps", "max_total_steps", "fixed_amount")
_THRESHOLDS = (
    "object_evidence_threshold",
    "x_percent_threshold",
    "required_symmetry_evidence",
    "max_match_distance",
    "path_similarity_threshold",
    "pose_similarity_threshold",
    "vote_evidence_threshold",
    "past_weight",
    "present_weight",
    "tolerance",
)
_LONGEST_WALK = 12


def info_fields(experiment: Any, config: LiveViewConfig, run: str) -> Dict[str, Any]:
    """Return the fields of the Info message of an experiment that is about to run."""
    path = getattr(experiment, "model_path", None)
    return {
        **process_fields(run),
        **config_fields(_written_config(experiment)),
        **group_fields(config),
        "experiment": config.experiment or _hydras_choice() or getattr(experiment, "run_name", "") or run,
        "experiment_class": _class_name(_configured_class(experiment)),
        "run_name": getattr(experiment, "run_name", None),
        "limits": _limits(experiment),
        "learning_modules": _learning_modules(experiment.model),
        "sensor_modules": [
            SensorModuleInfo(sensor_module=str(getattr(sm, "sensor_module_id", "")), class_name=_class_name(type(sm)))
            for sm in experiment.model.sensor_modules
        ],
        "model_path": None if path is None else masked(str(path)),
        "output_dir": masked(str(experiment.output_dir)),
        "show_sensor_output": bool(getattr(experiment, "show_sensor_output", False)),
        "episodes_expected": episodes_expected(experiment),
    }


def composed_fields(experiment: Any, config: LiveViewConfig, run: str) -> Dict[str, Any]:
    """Return the fields of the Info message of an experiment whose configuration is composed, but not instantiated."""
    run_name = str((experiment.config.get("logging") or {}).get("run_name") or "")
    return {
        **process_fields(run),
        **config_fields(experiment.config),
        **group_fields(config),
        "experiment": config.experiment or run_name or run,
        "experiment_class": experiment.get("experiment_class"),
        "run_name": run_name,
    }


def group_fields(config: LiveViewConfig) -> Dict[str, Any]:
    """Return the fields of Info that say which runs belong together, and how this run differs from the others."""
    return {"group": config.group, "overrides": masked(own_overrides())} if config.group else {}


def process_fields(run: str) -> Dict[str, Any]:
    """Return the fields of Info that describe the process."""
    process = this_process(run)
    del process["experiment"]
    return {
        **process,
        "versions": {**process["versions"], **versions()},
        "git_commit": git_commit(Path.cwd()),
        "working_directory": masked(str(Path.cwd())),
        "command_line": masked_arguments(command_line()),
    }


def config_fields(config: Any) -> Dict[str, Any]:
    """Return the fields of Info that follow from `experiment.config` alone."""
    return {
        "config": masked(_as_plain(config)),
        "seed": _whole(config.get("seed")),
        "do_train": bool(config.get("do_train")),
        "do_eval": bool(config.get("do_eval")),
        "n_train_epochs": _whole(config.get("n_train_epochs")),
        "n_eval_epochs": _whole(config.get("n_eval_epochs")),
    }


def versions() -> Dict[str, str]:
    """Return the version of each relevant distribution that is installed."""
    installed = ((name, _version(name)) for name in _DISTRIBUTIONS)
    return {name: version for name, version in installed if version is not None}


def git_commit(directory: Path) -> Optional[str]:
    """Return the commit checked out in `directory` or above it; it reads files, because a process costs 5 ms."""
    for folder in (directory, *directory.parents)[:_LONGEST_WALK]:
        git = folder / ".git"
        if git.exists():
            return _head_of(git)
    return None


def episodes_expected(experiment: Any) -> Dict[str, int]:
    """Return how many episodes a run will have, by mode, if known: one per object (or scene) and epoch."""
    expected = {}
    # Pretraining has no evaluation, whatever the configuration says.
    evaluates = experiment.do_eval and "MontySupervisedObjectPretrainingExperiment" not in _names_above(experiment)
    for mode, wanted, epochs, interface in (
        ("train", experiment.do_train, experiment.n_train_epochs, getattr(experiment, "train_env_interface", None)),
        ("eval", evaluates, experiment.n_eval_epochs, getattr(experiment, "eval_env_interface", None)),
    ):
        per_epoch = _episodes_per_epoch(interface)
        if wanted and per_epoch is not None:
            expected[mode] = int(epochs) * per_epoch
    return expected


def _version(distribution: str) -> Optional[str]:
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return None


def _episodes_per_epoch(interface: Any) -> Optional[int]:
    # In the order of MontyExperiment.run_epoch (0.55): each class is a subclass of the next.
    names = _names_above(interface)
    if "SaccadeOnImageFromStreamInterface" in names:
        return None
    if "SaccadeOnImageInterface" in names:
        return len(interface.scenes)
    if "OneObjectPerEpisodeInterface" in names:
        return len(interface.object_names)
    return 1


def _names_above(value: Any) -> List[str]:
    return [kind.__name__ for kind in type(value).__mro__]


def _hydras_choice() -> str:
    hydra_config = import_module("hydra.core.hydra_config").HydraConfig
    return str(hydra_config.get().runtime.choices.get("experiment", "")) if hydra_config.initialized() else ""


def _configured_class(experiment: Any) -> type:
    return getattr(type(experiment), "configured_class", type(experiment))


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _written_config(experiment: Any) -> Any:
    raw: Any = getattr(experiment, "_monty_cfg", None)
    # The parent of Monty's own part is the configuration as written; experiment.config holds the objects made from it.
    written = raw._get_parent() if hasattr(raw, "_get_parent") else None  # noqa: SLF001 - OmegaConf has no public one
    return experiment.config if written is None else written


def _as_plain(config: Any) -> Any:
    omegaconf = import_module("omegaconf").OmegaConf
    if not omegaconf.is_config(config):
        return config
    try:
        return omegaconf.to_container(config, resolve=True)
    except import_module("omegaconf.errors").OmegaConfBaseException:  # the run will fail with it
        return omegaconf.to_container(config, resolve=False)


def _limits(experiment: Any) -> Dict[str, Optional[float]]:
    limits: Dict[str, Optional[float]] = {}
    pending: List[Any] = [getattr(experiment, "_recognition_policy", None)]
    while pending:  # policies contain policies
        policy = pending.pop()
        for name, value in getattr(policy, "__dict__", {}).items():
            if name.lstrip("_") in _LIMITS:
                limits[name.lstrip("_")] = float(value)
            elif isinstance(value, (list, tuple)):
                pending.extend(value)
            else:
                pending.append(value if name == "_wrapped" else None)
    count = getattr(getattr(experiment, "_match_criterion", None), "_count", None)
    return limits if count is None else {**limits, "min_lms_match": float(count)}


def _learning_modules(model: Any) -> List[LearningModuleInfo]:
    sensors = [str(getattr(sm, "sensor_module_id", index)) for index, sm in enumerate(model.sensor_modules)]
    names = [str(getattr(lm, "learning_module_id", index)) for index, lm in enumerate(model.learning_modules)]
    votes = getattr(model, "lm_to_lm_vote_matrix", None)
    feeds = getattr(model, "sm_to_lm_matrix", None)
    return [
        LearningModuleInfo(
            learning_module=names[index],
            class_name=_class_name(type(lm)),
            objects=_known_objects(lm),
            thresholds=_thresholds(lm),
            sensor_modules=_chosen(sensors, feeds, index),
            vote_partners=_chosen(names, votes, index),
        )
        for index, lm in enumerate(model.learning_modules)
    ]


def _known_objects(lm: Any) -> List[str]:
    return [str(name) for name in getattr(lm, "get_all_known_object_ids", list)()]


def _thresholds(lm: Any) -> Dict[str, Optional[float]]:
    values = {name: getattr(lm, name, None) for name in _THRESHOLDS}
    return {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}


def _chosen(names: List[str], matrix: Any, row: int) -> List[str]:
    return [] if matrix is None else [names[column] for column in matrix[row]]


def _whole(value: Any) -> Optional[int]:
    return int(value) if isinstance(value, (int, float)) else None


def _head_of(git: Path) -> Optional[str]:
    try:
        if git.is_file():  # a worktree, whose file reads "gitdir: …"
            git = (git.parent / git.read_text().partition(": ")[2].strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        reference = head[len("ref: ") :]
        common = git / "commondir"
        home = (git / common.read_text().strip()).resolve() if common.exists() else git
        if (home / reference).exists():
            return (home / reference).read_text().strip()
        packed = (home / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {reference}")), None)
    except OSError:
        return None
