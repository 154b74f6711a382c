"""The parent of a parallel run: how many episodes there are in all, and how it ended.

Place in the flow: `run --parallel` enters one around Monty's `run_parallel`; the workers publish for themselves. The
parent computes nothing, it waits for its workers: so it may have a thread, which answers commands. Workers get every
command themselves, also those that start later.
"""

from __future__ import annotations

import threading
from importlib import import_module
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Tuple, Type

from monty_mqtt.about import outcome
from monty_mqtt.broadcaster import ZmqBroadcaster
from monty_mqtt.commands import Commands, Place
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.identity import identify
from monty_mqtt.run_info import config_fields, process_fields
from monty_mqtt.schema import Command, Info, Status

__all__ = ["ParallelParent", "episodes_in_all"]

_LOOK_SECS = 0.1
_HERE = Place("with all its workers", "after the episodes under way", within=True)


class ParallelParent:
    """Publishes as worker `main` between `begin` and the end of the `with` block."""

    def __init__(self) -> None:
        self._broadcaster: Optional[ZmqBroadcaster] = None
        self._commands: Optional[_Commands] = None
        self._flush_secs = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="monty-mqtt-commands", daemon=True)

    @property
    def cut_short(self) -> Optional[str]:
        """Why the run ended before its time, where a command said so; else None."""
        if self._commands is None or not self._commands.is_ending:
            return None
        stopped = ": ".join(filter(None, ["stopped by command", self._commands.stop_reason]))
        return self._commands.abort_reason or stopped

    def begin(self, composed: Any, environ: Mapping[str, str]) -> None:
        """Publish Info and Status of the run that Hydra composed.

        Raises:
            ConfigError: A setting of the monitor is wrong.
        """
        experiment = composed.experiment
        config = LiveViewConfig.of(experiment.config, environ)
        now = import_module("datetime").datetime.now().astimezone()
        run_name = str(experiment.config.logging.run_name or "")
        run, _ = identify(config, run_name, now, "")
        self._flush_secs = config.flush_secs
        self._broadcaster = ZmqBroadcaster(
            run=run,
            zmq_host=config.zmq_host,
            zmq_port=config.zmq_port,
            enabled=config.enable_liveview,
            strict=config.strict,
        )
        self._broadcaster.publish(
            Info,
            **process_fields(run),
            **config_fields(experiment.config),
            experiment=config.experiment or run_name or run,
            experiment_class=experiment.get("experiment_class"),
            run_name=run_name,
            episodes_expected=episodes_in_all(composed),
        )
        self._broadcaster.publish(Status, status="running")
        self._commands = _Commands(self._broadcaster)
        self._thread.start()

    def __enter__(self) -> ParallelParent:  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(
        self, _kind: Optional[Type[BaseException]], error: Optional[BaseException], _trace: Optional[TracebackType]
    ) -> None:
        self._over.set()
        if self._broadcaster is None:
            return
        self._thread.join()
        fields: Dict[str, Any] = outcome(error)
        if self.cut_short is not None:
            fields = {"status": "aborted", "reason": self.cut_short}
        elif isinstance(error, KeyboardInterrupt):
            fields = {"status": "aborted", "reason": "Ctrl+C"}
        self._broadcaster.publish(Status, **fields)
        self._broadcaster.close(fields["status"], self._flush_secs)

    def _answer(self) -> None:
        commands = self._commands
        assert commands is not None  # noqa: S101 - begin() starts the thread
        while not self._over.wait(0.0 if commands.paused else _LOOK_SECS):
            if commands.paused:
                commands.listen(_HERE)
            else:
                commands.take(_HERE)


class _Commands(Commands):
    """What the parent does about a command: it only says so, for there are no steps of its own."""

    def _step(self, command: Command, place: Place) -> Tuple[bool, str]:
        obeyed, detail = super()._step(command, place)
        if obeyed:
            self._halt(None)
        return obeyed, detail


def episodes_in_all(composed: Any) -> Dict[str, int]:
    """Return how many episodes a parallel run has, by mode.

    As Monty's run_parallel (0.55) makes them: in training one worker per object, which shows it in every pose; in
    evaluation one worker per object and epoch. `episodes` chooses among the workers.
    """
    config = composed.experiment.config
    found = {}
    if config.do_train:
        arguments = config.train_env_interface_args
        poses = len(import_module("hydra.utils").instantiate(arguments.object_init_sampler))
        found["train"] = len(_chosen(composed, len(arguments.object_names))) * poses
    if config.do_eval:
        episodes = len(config.eval_env_interface_args.object_names) * config.n_eval_epochs
        found["eval"] = len(_chosen(composed, episodes))
    return found


def _chosen(composed: Any, workers: int) -> List[int]:
    parse = import_module("tbp.monty.frameworks.run_parallel").parse_episode_spec
    return list(parse(composed.get("episodes"), workers))
