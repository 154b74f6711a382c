"""The parent of a parallel run: how many episodes there are in all, and how it ended.

Place in the flow: `run --parallel` enters one around Monty's `run_parallel`; the workers publish for themselves. The
parent computes nothing, it waits for its workers: so it may have a thread, which answers commands. Workers get an
abort themselves, also those that start later.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Type

from monty_mqtt.about import outcome
from monty_mqtt.broadcaster import ZmqBroadcaster
from monty_mqtt.commands import Commands
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.errors import AbortRequested
from monty_mqtt.identity import identify
from monty_mqtt.run_info import config_fields, process_fields
from monty_mqtt.schema import Info, Status

__all__ = ["ParallelParent", "episodes_in_all"]

_LOOK_SECS = 0.1


class ParallelParent:
    """Publishes as worker `main` between `begin` and the end of the `with` block.

    Attributes:
        abort_reason: Why the run is being aborted; None while it is not.
    """

    def __init__(self) -> None:
        self.abort_reason: Optional[str] = None
        self._broadcaster: Optional[ZmqBroadcaster] = None
        self._flush_secs = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="monty-mqtt-commands", daemon=True)

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
        if self.abort_reason is not None:
            fields = {"status": "aborted", "reason": self.abort_reason}
        elif isinstance(error, KeyboardInterrupt):
            fields = {"status": "aborted", "reason": "Ctrl+C"}
        self._broadcaster.publish(Status, **fields)
        self._broadcaster.close(fields["status"], self._flush_secs)

    def _answer(self) -> None:
        assert self._broadcaster is not None  # noqa: S101 - begin() starts the thread
        commands = Commands(self._broadcaster)
        while not self._over.wait(_LOOK_SECS):
            with suppress(AbortRequested):
                commands.obey(None)
            self.abort_reason = commands.abort_reason


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
