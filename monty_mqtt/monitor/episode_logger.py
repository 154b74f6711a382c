"""This module publishes the beginning and end of each episode, the progress, and the learned objects.

Called by Monty, beside its own loggers and with their arguments, whatever the logging configuration; `monitored_run`
adds it when a run begins and removes it at the end. Hands to `broadcaster`.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional, Tuple

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.progress import ProgressTracker, RunPosition
from monty_mqtt.monitor.worker_tally import WorkerTally
from monty_mqtt.observe.episode_outcome import (
    PERFORMANCE_ORDER,
    episode_outcome,
    episode_stats,
    target_of,
    unjudged,
)
from monty_mqtt.observe.ground_truth import graph_targets
from monty_mqtt.observe.learned_graphs import changes, learned, models_of, nodes_of
from monty_mqtt.observe.model_reader import mode_of
from monty_mqtt.observe.raw_arrays import points
from monty_mqtt.wire.message_pieces import LearningModuleEpisode
from monty_mqtt.wire.mode_sum import Finished
from monty_mqtt.wire.schema import EpisodeEnded, EpisodeStarted, ObjectModel, Progress
from monty_mqtt.wire.vocabulary import verdict

__all__ = ["EpisodeLogger"]

_Graphs = Dict[Tuple[str, str, str], Any]


class EpisodeLogger:
    """EpisodeLogger is one of Monty's loggers: it has the methods that `LoggingCallbackHandler` calls.

    Args:
        broadcaster: Publishes the messages.
        config: Says whether learned points are published.
        progress: Counts episodes and times.
        commands: Obeys the commands that the run receives.
        guard: Counts the errors that occur here.
        order: Monty's order of outcomes, the strongest last.
        is_supervised: Whether Monty is given the object's name: then it matches nothing, and no episode has an outcome.
    """

    def __init__(
        self,
        broadcaster: ZmqBroadcaster,
        config: LiveViewConfig,
        progress: ProgressTracker,
        commands: CommandObeyer,
        guard: ErrorGuard,
        order: Optional[List[str]] = None,
        *,
        is_supervised: bool = False,
    ) -> None:
        self._broadcaster = broadcaster
        self._config = config
        self._progress = progress
        self._commands = commands
        self._guard = guard
        self._order = order or PERFORMANCE_ORDER
        self._is_supervised = is_supervised
        self._ended: Optional[Dict[str, Any]] = None
        self._graphs: _Graphs = {}

    def pre_episode(self, logger_args: Mapping[str, Any], output_dir: Any, model: Any) -> None:
        """Publish EpisodeStarted.

        Raises:
            AbortRequested: A command asks for an abort.
        """
        del output_dir
        with self._guard:
            position = _position(logger_args, model)
            self._progress.episode_began(position, time.perf_counter())
            self._broadcaster.publish(
                EpisodeStarted,
                **position._asdict(),
                target=target_of(logger_args.get("target")),
                episode_seed=_whole(logger_args.get("episode_seed")),
                graph_targets=graph_targets(model),
            )
        with self._guard:
            self._progress.paused(self._commands.obey(None, self._progress.position.episode))

    def post_episode(self, logger_args: Mapping[str, Any], output_dir: Any, model: Any) -> None:
        """Record Monty's results of the episode before Monty learns from it; `finish` publishes them."""
        del output_dir
        self._ended = None
        with self._guard:
            position = _position(logger_args, model)
            self._graphs = models_of(model) if position.mode == "train" else {}
            self._ended = {
                **position._asdict(),
                **self._outcome(logger_args, model),
                "matching_steps": _whole(getattr(model, "matching_steps", None)),
                "episode_seed": _whole(logger_args.get("episode_seed")),
                "target": target_of(logger_args.get("target")),
            }

    def finish(self, steps: int, model: Any) -> None:
        """Publish EpisodeEnded, the learned objects, and the progress, after Monty's own `post_episode`.

        Args:
            steps: Steps of the episode, including motor-only steps.
            model: The Monty model.
        """
        fields, self._ended = self._ended, None
        with self._guard:
            if fields is None:  # the experiment class does not call Monty's loggers
                fields = self._progress.position._asdict()
            now = time.perf_counter()
            secs = self._progress.episode_secs(now)
            graphs: _Graphs = {}
            with self._guard:  # modules of a kind that keeps them otherwise have episodes, too
                graphs = models_of(model)
            new = learned(self._graphs, graphs) if fields["mode"] == "train" else []
            made, extended = changes(self._graphs, new)
            self._broadcaster.publish(
                EpisodeEnded,
                **fields,
                steps=int(steps),
                elapsed_secs=secs,
                learned=sorted({graph for _, graph, _ in new}),
                graph_targets=graph_targets(model),
                graph_nodes=nodes_of(graphs),
                graphs_made=made,
                graphs_extended=extended,
            )
            if self._config.object_models:
                self._publish_models(graphs, new, fields["episode"])
            self._count(_finished(fields, int(steps), secs), now)
        self._graphs = {}

    def pre_epoch(self, **_: Any) -> None:
        """Do nothing; Monty calls it."""

    post_epoch = pre_train = post_train = pre_eval = post_eval = close = pre_epoch

    def _count(self, episode: Finished, now: float) -> None:
        self._progress.episode_ended(episode, now)
        if self._config.tally:
            WorkerTally(self._config.tally).add(episode)
        self._broadcaster.publish(Progress, **self._progress.fields(now, time.time_ns()))

    def _outcome(self, logger_args: Mapping[str, Any], model: Any) -> Dict[str, Any]:
        stats: Dict[str, LearningModuleEpisode] = {}
        if logger_args.get("target") is not None and hasattr(model, "learning_modules"):
            with self._guard:
                stats = episode_stats(model, logger_args["target"], logger_args.get("episode_seed"))
        if self._is_supervised:
            stats = {name: unjudged(part) for name, part in stats.items()}
        outcome = episode_outcome([part.outcome for part in stats.values()], self._order)
        correct, used_mlh = verdict(outcome)
        errors = [part.rotation_error_degs for part in stats.values() if part.rotation_error_degs is not None]
        return {
            "learning_modules": stats,
            "outcome": outcome,
            "correct": correct,
            "used_mlh": used_mlh,
            "rotation_error_degs": sum(errors) / len(errors) if errors else None,
        }

    def _publish_models(self, graphs: _Graphs, new: List[Tuple[str, str, str]], episode: int) -> None:
        seen = set()
        for learning_module, graph, channel in new:
            if (learning_module, graph) in seen:
                continue  # one channel is enough to see the object: all channels lie in one reference frame
            seen.add((learning_module, graph))
            count, pixels = points(graphs[learning_module, graph, channel])
            self._broadcaster.publish(
                ObjectModel,
                (pixels,),
                learning_module=learning_module,
                object=graph,
                count=count,
                channel=channel,
                episode=episode,
            )


def _position(logger_args: Mapping[str, Any], model: Any) -> RunPosition:
    mode = mode_of(model)
    return RunPosition(mode, int(logger_args.get(f"{mode}_epochs", 0)), int(logger_args.get(f"{mode}_episodes", 0)))


def _finished(fields: Mapping[str, Any], steps: int, secs: float) -> Finished:
    errors = [part.rotation_error_degs for part in fields.get("learning_modules", {}).values()]
    return Finished(
        fields["mode"],
        steps,
        fields.get("outcome"),
        fields.get("correct"),
        fields.get("used_mlh"),
        fields.get("matching_steps"),
        [error for error in errors if error is not None],
        secs,
    )


def _whole(value: Any) -> Optional[int]:
    return None if value is None else int(value)
