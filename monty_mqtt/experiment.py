"""This module runs the experiment class that a configuration names as a monitored experiment.

Called by Hydra, which instantiates it, and by Monty, which runs it; hands over to `monitor`.

A configuration names two classes: `_target_` is `monty_mqtt.experiment.MontyExperimentWithLiveView`, and
`experiment_class` is the class that `_target_` would name without the monitor. The object that runs is an instance of
a subclass of `experiment_class`, so stop rules, outcomes and supervision are those of that class.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import import_module
from typing import Any, Dict, Type

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.end_signals import EndSignals, Terminated
from monty_mqtt.errors import AbortRequested, ConfigError
from monty_mqtt.monitor.monitored_run import MonitoredRun
from monty_mqtt.monitor.step_hook import LiveViewStepHook
from monty_mqtt.observe.monty_version import warn_of_unknown_monty

__all__ = ["DEFAULT_EXPERIMENT_CLASS", "LiveViewMixin", "MontyExperimentWithLiveView", "subclass_of"]

DEFAULT_EXPERIMENT_CLASS = (
    "tbp.monty.frameworks.experiments.object_recognition_experiments.MontyObjectRecognitionExperiment"
)
"""The class that most of Monty's own configurations name."""


class LiveViewMixin:
    """LiveViewMixin monitors the experiment class that it is mixed into; it must stand left of that class.

    ``class Mine(LiveViewMixin, MontyObjectRecognitionExperiment)`` works as well as `MontyExperimentWithLiveView`.

    Args:
        config: Monty's `experiment.config`.

    Attributes:
        broadcaster: Publishes the user's own values: `publish_metric`, `publish_data`, `publish_log`, `publish_state`.

    Raises:
        ConfigError: A setting of the monitor is wrong. It is raised before anything of Monty is made.
    """

    def __init_subclass__(cls, **_: Any) -> None:
        """Do not call Monty's own mixins: ProfileExperimentMixin refuses every subclass in which it is not first."""

    def __init__(self, config: Any) -> None:
        logging_config = config.get("logging") or {}
        self._live = MonitoredRun(LiveViewConfig.of(config, os.environ), str(logging_config.get("run_name") or ""))
        super().__init__(config)  # type: ignore[call-arg]  # the experiment class it is mixed into
        self._live_hook = LiveViewStepHook(self._step_hook)  # type: ignore[has-type]
        if self._live.config.enable_liveview:
            self._step_hook = self._live_hook

    @property
    def broadcaster(self) -> ZmqBroadcaster:
        """The broadcaster of this experiment; with `enable_liveview: false` it exists and does nothing."""
        return self._live.broadcaster

    def run(self) -> None:
        """Run the experiment as its class does, and monitor it from start to end.

        Raises:
            SystemExit: After an abort or stop by command, if an exit code is configured; after SIGTERM or SIGHUP.
        """
        if not self._live.config.enable_liveview:
            super().run()  # type: ignore[misc]
            return
        with EndSignals(self._live.interrupt) as signals:
            self._live.begin(self, self._live_hook, signals)
            if self._live.worker == "main":
                print(f"watch this run: {self._live.page_url}", file=sys.stderr, flush=True)  # noqa: T201 - its user
            try:
                super().run()  # type: ignore[misc]
            except Terminated as error:
                self._live.end(error)
            except BaseException as error:
                self._live.end(error)
                raise
            self._live.end(None)
        # Not in a worker of Monty's parallel runner: Pool.map would wait for that worker for ever.
        if self._live.worker == "main" and (code := self._live.exit_code):
            raise SystemExit(code)

    def run_epoch(self) -> None:
        """Run an epoch, unless the run is ending; then no epoch begins, and Monty goes on to save its results."""
        if self._live.may_begin():
            super().run_epoch()  # type: ignore[misc]

    def run_episode(self) -> None:
        """Run an episode; an abort leaves it without `post_episode`. After an abort or a stop no other begins.

        Raises:
            KeyboardInterrupt: The run is ending, and its class runs episodes until this is raised.
        """
        if self._live.may_begin():
            try:
                super().run_episode()  # type: ignore[misc]
            except AbortRequested:
                self._live.leave_out()
        if self._live.is_ending and self._streams():
            self._live.leave_out()  # such a class always begins another episode
            raise KeyboardInterrupt

    def post_episode(self, steps: int) -> None:
        """Let Monty end the episode, then publish it."""
        super().post_episode(steps)  # type: ignore[misc]
        if self._live.config.enable_liveview:
            self._live.episode_finished(self, steps)

    def _streams(self) -> bool:
        # MontyExperiment.run_epoch (0.55) runs the episodes of a stream in `while True`, until it catches Ctrl+C.
        names = [kind.__name__ for kind in type(getattr(self, "env_interface", None)).__mro__]
        return "SaccadeOnImageFromStreamInterface" in names


class MontyExperimentWithLiveView:
    """MontyExperimentWithLiveView makes a monitored instance of the experiment class that the configuration names.

    Args:
        config: Monty's `experiment.config`.
        experiment_class: Dotted name of the experiment class. The object made is an instance of it.

    Raises:
        ConfigError: There is no such class, or a setting of the monitor is wrong.
    """

    def __new__(cls, config: Any, experiment_class: str = DEFAULT_EXPERIMENT_CLASS) -> Any:  # noqa: D102 - see class
        warn_of_unknown_monty()
        return subclass_of(_class_named(experiment_class))(config)  # type: ignore[arg-type]  # a class is hashable


@lru_cache(maxsize=None)
def subclass_of(experiment_class: Type[Any]) -> Type[Any]:
    """Return the monitored subclass of an experiment class; each process makes one per class."""
    if issubclass(experiment_class, LiveViewMixin):
        return experiment_class
    names: Dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"{experiment_class.__name__}, monitored.",
        "configured_class": experiment_class,
    }
    return type(f"{experiment_class.__name__}WithLiveView", (LiveViewMixin, experiment_class), names)


def _class_named(dotted: str) -> Type[Any]:
    module, _, name = dotted.rpartition(".")
    try:
        value = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            "experiment.experiment_class", dotted, f"the dotted name of an experiment class ({error})"
        ) from error
    if not isinstance(value, type) or value is MontyExperimentWithLiveView:
        raise ConfigError(
            "experiment.experiment_class", dotted, "the experiment class itself, as `_target_` named it before"
        )
    return value
