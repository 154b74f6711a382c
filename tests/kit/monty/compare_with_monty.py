"""Compares what we publish about a run with Monty's own files and statistics of it.

Run it by `PYTHONPATH=tests .venv/bin/python tests/kit/monty/compare_with_monty.py`. Each experiment of Monty's own runs
twice with the same seed, by Monty's `run.py` and by `monty-mqtt run`. Then the script compares every cell of Monty's
CSV files between the two (times left out), every row with the page, and Monty's overall statistics of each mode with
the wire, the page's heads and results, InfluxDB and the terminal's summary. It prints how many cells were compared, and
which differ. Arguments: names of experiments; without arguments, all of `EXPERIMENTS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import msgspec
from kit.machine.child_process import Process, until
from kit.monty.montys_word import COLUMNS, Cell, csv_cells, montys_overall, ours_overall, rows_of_modes, summary_lines

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import retained
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.find_services import address_of
from monty_mqtt_stack.services.influxdb import query
from monty_mqtt_stack.services.influxdb_setup import GRAFANA_TOKEN

EXPERIMENTS = {
    "test/evidence_lm/evidence_mujoco": ("n_train_epochs=1", "n_eval_epochs=2"),
    "test/hierarchy/two_lms_heterarchy_mujoco": (),
    "test/graph_learning/feature_pred_mujoco": (),
    "test/graph_learning/ppf_pred_mujoco": (),
    "test/policy/surf_hypo_driven_mujoco": (),
    "test/integration/positioning_procedures/get_good_view/multi_object_target_not_visible_mujoco": (),
    "test/no_reset_evidence_lm/unsupervised_mujoco": (),
}
"""Monty's own experiments that need no data files, and the changes to their `experiment.config`."""

_TESTS = Path(__file__).parents[2]
_RUN_SECS = 900
_ARRIVES_SECS = 60
_LOGGER = "tbp.monty.frameworks.loggers.graph_matching_loggers.BasicGraphMatchingLogger"
_PLAIN = """
from tbp.monty.frameworks.run_env import setup_env
setup_env()
from tbp.monty.frameworks.run import main
main()
"""


class Compared(NamedTuple):
    """Holds the compared cells of one experiment."""

    experiment: str
    cells: list[Cell]

    @property
    def different(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.is_equal]


class Stage:
    """Runs services of its own, and has a directory for Monty's files."""

    def __init__(self, home: Path, *, history: bool = True) -> None:
        self.home = home
        self.state = StateDir(home / "state")
        without = () if history else ("--without", "history")
        ports = [word for name in ("mqtt", "zmq", "liveview") for word in (f"--{name}-port", "0")]
        self._up = Process("up", "--state-dir", str(self.state.path), *ports, *without)

    def __enter__(self) -> Self:
        self._up.__enter__()
        self._up.wait_for("Ctrl+C stops everything", 120)
        return self

    def __exit__(self, *_: object) -> None:
        self._up.signal(2)
        self._up.wait()
        self._up.__exit__()

    def compare(self, experiment: str, changes: tuple[str, ...] = ()) -> Compared:
        """Run an experiment unmonitored and monitored; return everything compared."""
        words = [f"experiment={experiment}", *(f"experiment.config.{change}" for change in changes)]
        plain, watched = (self.home / f"{experiment.rpartition('/')[2]}-{name}" for name in ("plain", "watched"))
        self._run([sys.executable, "-c", _PLAIN, *words], plain)
        command = [sys.executable, "-m", "monty_mqtt.cli", "run", "--state-dir", str(self.state.path)]
        printed = self._run([*command, *words], watched)
        run = next(line.split()[1] for line in reversed(printed.splitlines()) if line.startswith("runs "))
        overall = montys_overall(watched / "overall.jsonl")
        told = list(self._told(run, overall, watched / "results"))
        return Compared(experiment, [*csv_cells(plain, watched), *told, *summary_lines(overall, printed)])

    def _run(self, command: list[str], where: Path) -> str:
        logging = "experiment.config.logging"
        handlers = [
            "{_target_:tbp.monty.frameworks.loggers.monty_handlers.BasicCSVStatsHandler}",
            f"{{_target_:kit.monty.montys_word.OverallHandler,path:'{where / 'overall.jsonl'}'}}",
        ]
        given = [
            f"{logging}.monty_data_logger._target_={_LOGGER}",
            f"{logging}.monty_data_logger.handlers=[{','.join(handlers)}]",
            f"{logging}.output_dir={where / 'results'}",
            f"{logging}.run_name=compared",
            f"{logging}.python_log_to_stderr=false",
        ]
        directories = {name: str(where / name) for name in ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA")}
        for path in directories.values():
            Path(path).mkdir(parents=True)
        environment = {**os.environ, **directories, "MUJOCO_GL": "egl", "WANDB_MODE": "disabled"}
        environment |= {"PYTHONPATH": str(_TESTS), "WANDB_DIR": str(where)}
        done = subprocess.run(
            [*command, *given], env=environment, capture_output=True, text=True, timeout=_RUN_SECS, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def _told(self, run: str, overall: dict[str, Any], results: Path) -> Iterator[Cell]:
        """Yield what is published about the run beside Monty's own values."""
        name = quote(topics.escape(run), safe="")
        episodes = sum(of_mode["num_episodes"] for of_mode in overall.values())
        until(lambda: self._page(f"run/{name}")["run"]["episodes_done"] == episodes, _ARRIVES_SECS)
        head = self._page(f"run/{name}")
        modes = {name: msgspec.structs.asdict(mode) for name, mode in self._progress(run).modes.items()}
        yield from ours_overall("wire", overall, modes)
        yield from ours_overall("page, run", overall, head["run"]["modes"])
        yield from ours_overall("page, worker", overall, head["workers"][0]["modes"])
        yield from ours_overall("page, results", overall, self._page(f"run/{name}/results"))
        yield from rows_of_modes("page", results, self._page(f"run/{name}/episodes"), COLUMNS["page"])
        if self._influxdb_url:
            until(lambda: len(self._stored(run, "episode", "outcome")) >= episodes, _ARRIVES_SECS)
            yield from ours_overall("InfluxDB", overall, self._stored_modes(run, episodes))

    @property
    def _influxdb_url(self) -> str:
        far_side = self.state.read_far_side()
        return far_side.influxdb_url if far_side else ""

    def _page(self, path: str) -> Any:
        far_side = self.state.read_far_side()
        assert far_side
        with urllib.request.urlopen(f"{far_side.services['liveview'].url}/api/{path}", timeout=30) as answer:
            return json.load(answer)

    def _progress(self, run: str) -> Any:
        far_side = self.state.read_far_side()
        address = far_side and address_of(far_side, self.state)
        assert address
        topic = f"{topics.JSON_PREFIX}/{topics.escape(run)}/main/progress"
        return schema.decode(retained(address.broker, [topic])[-1].payload)

    def _stored(self, run: str, measurement: str, field: str) -> list[dict[str, Any]]:
        token = (self.state.secrets / GRAFANA_TOKEN).read_text()
        asked = f'SELECT "{field}", * FROM "{measurement}" WHERE "run" = \'{run}\' ORDER BY time'
        return [one for series in query(self._influxdb_url, token, asked) for one in series.records()]

    def _stored_modes(self, run: str, episodes: int) -> dict[str, Any]:
        def newest() -> dict[str, Any]:
            return {one["mode"]: one for one in self._stored(run, "mode_progress", "episodes_done")}

        until(lambda: sum(one["episodes_done"] for one in newest().values()) == episodes, _ARRIVES_SECS)
        return {mode: {**one, "outcomes": json.loads(one["outcomes"] or "{}")} for mode, one in newest().items()}


def main(names: list[str]) -> int:
    """Compare, and print a line for each experiment; return 1 if a cell differs."""
    unknown = set(names) - set(EXPERIMENTS)
    if unknown:
        print(f"{', '.join(sorted(unknown))}: allowed are {', '.join(EXPERIMENTS)}")
        return 2
    differ = 0
    with tempfile.TemporaryDirectory(prefix="compared-") as home, Stage(Path(home)) as stage:
        for experiment in names or EXPERIMENTS:
            compared = stage.compare(experiment, EXPERIMENTS[experiment])
            kinds = {cell.kind: 0 for cell in compared.cells}
            for cell in compared.cells:
                kinds[cell.kind] += 1
            parts = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
            print(f"{experiment}: {len(compared.cells)} cells compared, {len(compared.different)} different ({parts})")
            for cell in compared.different:
                print(f"  {cell}")
            differ += len(compared.different)
            sys.stdout.flush()
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
