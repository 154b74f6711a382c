"""Decides how one episode, or all failed ones, can be repeated with detailed logging. Pure.

A part of `views`, from which other modules import it; hands to `redo_command_line`, which writes the command line.

Monty's own parallel runner can run chosen episodes of an experiment (`episodes`, tbp.monty 0.54 and 0.55). In
evaluation it starts one worker per object and epoch, so a worker's number is the episode's number and gives its seed.
In training it starts one worker per object, for every pose. Training that was not parallel gets the same seeds again
only from the same, not parallel, runner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import SUPPORTED
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.heads import info
from monty_mqtt_liveview.views.numbers import Json
from monty_mqtt_liveview.views.redo_command_line import command_line, ranges

__all__ = ["redo"]

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})(?!\d)", re.ASCII)
_EVAL_WORKER = re.compile(r"parallel_eval_episode_(\d{1,9})(?!\d)", re.ASCII)
_TRAIN_WORKER = "parallel_train_episode_"
_PER_OBJECT = "OneObjectPerEpisodeInterface"
_PRETRAINING = "Pretraining"
_ONLY_TRAINING = ["++experiment.config.do_train=true", "++experiment.config.do_eval=false"]
_ONLY_EVALUATION = ["++experiment.config.do_train=false", "++experiment.config.do_eval=true"]
"""Both are given, because the run's own overrides of them are dropped, and the YAML may differ."""


def redo(run: Run, worker_name: str | None = None, mode: str | None = None, episode: int | None = None) -> Json:
    """Return the command line that repeats an episode, or all failed ones, with a note for the user.

    Args:
        run: The run.
        worker_name: Name of the worker; None means all workers.
        mode: `train` or `eval`; None means `eval`.
        episode: Number of the episode; None means all episodes that were not correct.

    Returns:
        `command`, None if the episode cannot be repeated, and `note`.
    """
    about = info(run)
    workers = [worker for worker in run.workers.values() if worker_name in {None, worker.name}]
    if about is None:
        return _none("The run has not said yet what it runs.")
    if (why_not := _why_not(about, mode or "eval")) is not None:
        return _none(why_not)
    return _objects(about, workers, episode) if mode == "train" else _episodes(about, workers, episode)


def _episodes(about: schema.Info, workers: Sequence[Worker], episode: int | None) -> Json:
    chosen = _failed(workers) if episode is None else (_number(worker, episode) for worker in workers[:1])
    numbers = sorted(set(chosen))
    if not numbers:
        return _none("No episode has failed so far.")
    command, notes = command_line(about, ranges(numbers), _ONLY_EVALUATION)
    which = f"evaluation episode {numbers[0]}, counted from 0"
    if len(numbers) > 1:
        which = f"the {len(numbers)} evaluation episodes that were not correct, counted from 0"
    return {"command": command, "note": " ".join([f"Repeats {which}.", *notes])}


def _objects(about: schema.Info, workers: Sequence[Worker], episode: int | None) -> Json:
    if episode is None:
        return _none("Training episodes do not fail; choose one.")
    names = _object_names(about, "train")
    worker, shown = next(
        ((worker, name) for worker in workers if (name := _target(worker, episode)) is not None), (None, None)
    )
    if worker is None or shown not in names:
        return _none("It is not known which object that training episode showed.")
    if worker.name.startswith(_TRAIN_WORKER):
        command, notes = command_line(about, str(names.index(shown)), _ONLY_TRAINING)
        note = f"Repeats the training with {shown}, in every pose: Monty's parallel runner has one worker per object."
    else:
        # A parallel worker would show the object with other random numbers.
        epochs = 1 + next(
            known_episode.epoch for key, known_episode in worker.episodes.items() if key == ("train", episode)
        )
        more = [*_ONLY_TRAINING, f"++experiment.config.n_train_epochs={epochs}"]
        command, notes = command_line(about, None, more)
        note = f"Repeats the training from its start to the epoch of episode {episode} ({shown})."
    return {"command": command, "note": " ".join([note, *notes])}


def _why_not(about: schema.Info, mode: str) -> str | None:
    if about.experiment is None or not about.config:
        return "This run is no experiment of Monty's: it did not say how it was configured."
    if (why_not := _why_not_by_runner(about, mode)) is not None:
        return why_not
    if mode == "train" and _PRETRAINING not in str(about.experiment_class):
        return "What an episode learns without supervision depends on those before it: repeat the whole run."
    if mode != "train" and about.do_train and not _has_model(about):
        return "The run evaluated what it had just learned: an episode alone would know nothing. Repeat the whole run."
    return None


def _why_not_by_runner(about: schema.Info, mode: str) -> str | None:
    version = about.versions.get("tbp-monty", "")
    if _is_too_old(version):
        return f"The run's tbp.monty {version} is older than {SUPPORTED[0]}: its command line is not known here."
    interface = str(about.config.get(f"{mode}_env_interface_class") or _PER_OBJECT)
    if not interface.endswith(_PER_OBJECT):
        return f"Monty's parallel runner, which runs chosen episodes, cannot run {interface.rpartition('.')[2]}."
    return None


def _is_too_old(version: str) -> bool:
    oldest, named = _VERSION.match(SUPPORTED[0]), _VERSION.match(version)
    return bool(oldest and named and [*map(int, named.groups())] < [*map(int, oldest.groups())])


def _has_model(about: schema.Info) -> bool:
    return bool(about.model_path or about.config.get("model_name_or_path"))


def _failed(workers: Iterable[Worker]) -> Iterable[int]:
    for worker in workers:
        for ended in worker.known.episodes.values():
            if ended.mode == "eval" and ended.correct == 0:
                yield _number(worker, ended.episode)


def _number(worker: Worker, episode: int) -> int:
    """Return an episode's number in the whole run; a parallel worker has one episode, whose number is in its name."""
    numbered = _EVAL_WORKER.match(worker.name)
    return int(numbered[1]) if numbered else episode


def _target(worker: Worker, episode: int) -> str | None:
    if worker.name.startswith(_TRAIN_WORKER):
        return worker.name.removeprefix(_TRAIN_WORKER)
    showing = [
        known_episode
        for key, known_episode in worker.episodes.items()
        if key == ("train", episode) and known_episode.target is not None
    ]
    return showing[0].target.object if showing and showing[0].target else None


def _object_names(about: schema.Info, mode: str) -> list[Any]:
    arguments = about.config.get(f"{mode}_env_interface_args")
    names = arguments.get("object_names") if isinstance(arguments, dict) else None
    return names if isinstance(names, list) else []


def _none(why: str) -> Json:
    return {"command": None, "note": why}
