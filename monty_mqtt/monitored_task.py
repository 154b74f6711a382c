"""This module is the task function that Hydra calls once per run, or once per job of a sweep.

Called by Hydra, to which `run` gives it in place of Monty's own task; hands over to Monty's runner.

It makes the chosen experiment a monitored one, gives the run its name, and publishes the end of a run that failed
before its experiment could. A launcher that runs jobs in other processes pickles the whole object.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from importlib import import_module
from typing import Any, Dict, Mapping, MutableMapping, NamedTuple, Optional

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.end_signals import EndSignals, exit_code_of
from monty_mqtt.errors import ConfigError
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.monitored_run import MonitoredRun
from monty_mqtt.monitor.run_identity import identify
from monty_mqtt.observe.run_info import composed_fields
from monty_mqtt.parallel.parent import RUNNER, ParallelParent
from monty_mqtt.process_info import outcome
from monty_mqtt.sweep_job import job_number, own_overrides
from monty_mqtt.wire.run_id import new_ending
from monty_mqtt.wire.schema import Info, Status

__all__ = ["ABORTED", "MonitoredTask", "RunNaming", "monitored", "render_without_a_screen"]

ABORTED = 3
"""The exit code after an abort or stop by command."""

_FAILED = 1
_OURS = "monty_mqtt.experiment.MontyExperimentWithLiveView"
_ENDING, _RUN = "MONTY_MQTT_RUN_ENDING", "MONTY_MQTT_RUN"


class RunNaming(NamedTuple):
    """RunNaming says how the runs of one command line are named.

    Attributes:
        ending: `<UTC time>-<4 hex>`, the ending of the runs' ids.
        is_expected: Whether another program, such as `monty-mqtt run`, looks for ids with this ending.
        run: The id that the environment names; with an ending it is the beginning of the id.
    """

    ending: str
    is_expected: bool = False
    run: str = ""

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> RunNaming:
        """Return the naming that the environment gives, and remove it there: child programs are not part of the run."""
        ending = environ.pop(_ENDING, "")
        return cls(ending or new_ending(), bool(ending), environ.pop(_RUN, ""))


class MonitoredTask:
    """MonitoredTask replaces the task function of one of Monty's runners.

    Args:
        runner: Dotted name of the runner's module.
        naming: How the runs are named.

    Attributes:
        code: The exit code for the runs that ended without an exception.
    """

    is_monitored = True

    def __init__(self, runner: str, naming: RunNaming) -> None:
        self.code = 0
        self._runner = runner
        import_module(runner)  # registers the resolvers of Monty's configuration
        self._naming = naming
        self._pid = os.getpid()
        self._argv = list(sys.argv)
        # Hydra finds Monty's configuration, and the job's name, by the function's module.
        self.__module__ = runner
        self.__name__ = self.__qualname__ = "main"

    def __call__(self, composed: Any) -> Any:
        """Run the experiment of a configuration that Hydra has composed.

        Raises:
            Exception: Any exception of Monty's runner.
        """
        if os.getpid() != self._pid:  # this is a process of a launcher
            self._arrive()
        choices = import_module("hydra.core.hydra_config").HydraConfig.get().runtime.choices
        name, number = str(choices.get("experiment", "")), job_number()
        with import_module("omegaconf").open_dict(composed):
            monitored(composed.experiment, name, self._naming, number)
        parent = ParallelParent() if self._runner == RUNNER else None
        MonitoredRun.latest = None
        try:
            if parent is not None:
                parent.begin(composed, os.environ)
            import_module(self._runner).main.__wrapped__(composed)
        except BaseException as error:
            if parent is not None and parent.has_begun:
                parent.end(error)
                _leave_if_asked()
            elif MonitoredRun.latest is None and not _is_exit_without_error(error):
                _tell_of_failure(composed, error)
            raise
        self._note(parent)

    def _note(self, parent: Optional[ParallelParent]) -> None:
        if parent is not None and parent.has_begun:
            parent.end(None)
            _leave_if_asked()
            self.code = max(self.code, _FAILED if parent.lost else 0, ABORTED if parent.cut_short is not None else 0)
        elif MonitoredRun.latest is not None and MonitoredRun.latest.is_cut_short:
            self.code = ABORTED

    def _arrive(self) -> None:
        """Give a launcher's process the settings of the process in which the sweep was started."""
        sys.argv = list(self._argv)
        render_without_a_screen()
        import_module("tbp.monty.frameworks.run_env").setup_env()
        import_module(self._runner)


def monitored(experiment: Any, name: str, naming: RunNaming, number: Optional[int] = None) -> None:
    """Change an experiment's configuration so that it runs monitored; the user's own settings stay.

    Args:
        experiment: The `experiment` node, open to new keys.
        name: Name of the experiment, as the user chose it in Hydra.
        naming: How the run is named.
        number: Number of the job in its sweep; an abort ends the job and not the sweep, so no exit code is raised.
    """
    if experiment["_target_"] != _OURS:
        experiment["experiment_class"] = experiment["_target_"]
        experiment["_target_"] = _OURS
    config = experiment["config"]
    live = dict(config.get("liveview") or {})
    run = naming.run or live.get("run")
    if number is not None or naming.is_expected:
        run = _with_ending(run or _name_in(config) or _last(name) or "experiment", naming, number)
    if run:
        live["run"] = run
    config["liveview"] = {**_defaults(name, naming, number, is_named=bool(run)), **live}


def _defaults(name: str, naming: RunNaming, number: Optional[int], *, is_named: bool) -> Dict[str, Any]:
    """Return the settings to use where the user gave no value."""
    defaults: Dict[str, Any] = {"experiment": name, "abort_exit_code": ABORTED if number is None else 0}
    if number is not None:
        common = "sweep" if "experiment" in own_overrides() else _last(name)
        defaults["group"] = f"{common}-{naming.ending}"
    if not is_named:
        defaults["started"] = dt.datetime.now(dt.timezone.utc).isoformat()
    return defaults


def _name_in(config: Any) -> Any:
    return (config.get("logging") or {}).get("run_name")


def _with_ending(base: Any, naming: RunNaming, number: Optional[int]) -> str:
    return f"{base}-{naming.ending}" if number is None else f"{base}-{number}-{naming.ending}"


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def render_without_a_screen() -> None:
    """Let MuJoCo render through EGL where there is no display: its own default crashes there (gladLoadGL error)."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("MUJOCO_GL", "egl")


def _tell_of_failure(composed: Any, error: BaseException) -> None:
    """Publish the configuration and the error of a run that failed before its experiment could publish anything."""
    with ErrorGuard():
        config = _config_of(composed.experiment.config)
        if not config.enable_liveview:
            return
        run_name = str((composed.experiment.config.get("logging") or {}).get("run_name") or "")
        run, _ = identify(config, run_name, dt.datetime.now(dt.timezone.utc), os.urandom(8).hex())
        broadcaster = ZmqBroadcaster(run_id=run, spool_dir=config.spool_dir or None, **config.bridge_arguments())
        broadcaster.publish(Info, **composed_fields(composed.experiment, config, run))
        fields = outcome(error)
        broadcaster.publish(Status, **fields)
        broadcaster.close(fields["status"], config.flush_secs)


def _config_of(config: Mapping[str, Any]) -> LiveViewConfig:
    """Return the settings; if they are wrong, return those that name the run, and the default address of the bridge."""
    try:
        return LiveViewConfig.of(config, os.environ)
    except ConfigError:
        live = config["liveview"]
        names = {key: live[key] for key in ("run", "group", "experiment", "started") if isinstance(live.get(key), str)}
        return LiveViewConfig.of({"liveview": names}, os.environ)


def _leave_if_asked() -> None:
    if EndSignals.received is not None:
        raise SystemExit(exit_code_of(EndSignals.received))


def _is_exit_without_error(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)
