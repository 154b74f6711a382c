"""Reads Monty's CSV files and overall statistics of a run, and pairs each cell with our value.

Imports none of our packages: Monty itself loads `OverallHandler`, also when it runs unmonitored.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

MODES = ("eval", "train")
_CLOSE = 2e-5
"""Tolerance: the page rounds to five digits after the point."""


class Cell(NamedTuple):
    """Holds one compared value. `kind`: the source of our value; `where`: which value it is."""

    kind: str
    where: str
    montys: Any
    ours: Any

    @property
    def is_equal(self) -> bool:
        one, other = self.montys, self.ours
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            return math.isclose(one, other, abs_tol=_CLOSE, rel_tol=1e-9)
        return bool(one == other)


class OverallHandler:
    """Writes Monty's overall statistics after each episode, one line each; Monty calls it as a handler."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def report_episode(self, data: Any, _output_dir: Any, episode: int, mode: Any = None, **_: Any) -> None:
        overall = data["BASIC"][f"{mode}_overall_stats"][episode]
        numbers = {
            name.removeprefix("overall/"): float(value)
            for name, value in overall.items()
            if name.startswith("overall/") and hasattr(value, "__float__")
        }
        with self._path.open("a") as lines:
            lines.write(json.dumps({"mode": str(mode), **numbers}) + "\n")

    def close(self) -> None:
        pass

    @classmethod
    def log_level(cls) -> str:
        return "BASIC"


def montys_overall(path: Path) -> dict[str, dict[str, Any]]:
    """Return Monty's overall statistics after the last episode of each mode."""
    newest = {one["mode"]: one for one in map(json.loads, path.read_text().splitlines())}
    return {mode: newest[mode] for mode in MODES if mode in newest}


def ours_overall(kind: str, overall: Mapping[str, Any], modes: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield Monty's overall statistics of each mode beside ours."""
    yield Cell(kind, "modes", list(overall), sorted(modes))
    for mode in set(overall) & set(modes):
        montys, ours = _as_told(overall[mode]), modes[mode]
        for name, value in montys.items():
            yield Cell(kind, f"{mode} {name}", value, ours.get(name))


def _as_told(montys: Mapping[str, float]) -> dict[str, Any]:
    """Return Monty's overall statistics of a mode under the names of the wire."""
    episodes = int(montys["num_episodes"])
    used_mlh = montys["percent_correct_mlh"] + montys["percent_confused_mlh"]
    shares = {
        "correct": montys["percent_correct"] - montys["percent_correct_mlh"],
        "confused": montys["percent_confused"] - montys["percent_confused_mlh"],
        **{name: montys[f"percent_{name}"] for name in ("correct_mlh", "confused_mlh", "no_match")},
        **{name: montys[f"percent_{name}"] for name in ("time_out", "pose_time_out")},
    }
    outcomes = {name: round(share * episodes / 100) for name, share in shares.items()}
    error = montys["avg_rotation_error"]
    return {
        "episodes_done": episodes,
        "accuracy": montys["percent_correct"] / 100,
        "correct": round(montys["percent_correct"] * episodes / 100),
        "used_mlh": round(used_mlh * episodes / 100),
        "outcomes": {name: count for name, count in outcomes.items() if count},
        "rotation_error_degs": None if math.isnan(error) else error,
        "mean_steps": montys["avg_num_monty_steps"],
        "mean_matching_steps": montys["avg_num_monty_matching_steps"],
    }


def summary_lines(overall: Mapping[str, Any], printed: str) -> Iterator[Cell]:
    """Yield the summary of each mode as Monty's numbers require it, beside the terminal's."""
    lines = printed.splitlines()
    for mode in overall:
        told = _as_told(overall[mode])
        at = next((at for at, line in enumerate(lines) if line.startswith(f"{mode:<10} ")), None)
        first, second = ("", "") if at is None else (lines[at], lines[at + 1])
        begin = f"{mode:<10} {told['episodes_done']} episodes, {100 * told['accuracy']:.1f} % correct: "
        yield Cell("summary", f"{mode} accuracy", begin, first[: len(begin)])
        outcomes = dict(reversed(part.split()) for part in first[len(begin) :].split(", "))
        yield Cell("summary", f"{mode} outcomes", {k: str(n) for k, n in told["outcomes"].items()}, outcomes)
        error = told["rotation_error_degs"]
        means = [] if error is None else [f"rotation error {error:.2f}°"]
        means += [f"{told['mean_steps']:.1f} steps", f"{told['mean_matching_steps']:.1f} of them matching"]
        yield Cell("summary", f"{mode} means", f"{'':<10} mean {', '.join(means)}", second)


def csv_cells(plain: Path, watched: Path) -> Iterator[Cell]:
    """Yield every cell of Monty's CSV files of two runs, times left out."""
    for mode in MODES:
        one, other = (_rows(where / "results", mode) for where in (plain, watched))
        yield Cell("CSV", f"{mode} rows", len(one), len(other))
        for at, (row, same) in enumerate(zip(one, other)):
            for column in row.keys() - {"time"}:
                yield Cell("CSV", f"{mode} {at} {column}", row[column], same.get(column))


def _rows(results: Path, mode: str) -> list[dict[str, str]]:
    found = list(results.rglob(f"{mode}_stats.csv"))
    if not found:
        return []
    with found[0].open() as file:
        return list(csv.DictReader(file))


COLUMNS = {
    "page": {
        "primary_performance": "outcome",
        "num_steps": "steps",
        "rotation_error": "rotation_error_degs",
        "most_likely_object": "most_likely_object",
        "highest_evidence": "highest_evidence",
    },
    "episode": {
        "primary_target_object": "target",
        "monty_steps": "steps",
        "monty_matching_steps": "matching_steps",
        "episode_seed": "episode_seed",
    },
}
"""Maps Monty's columns to the names on the page: those of a learning module, and those of the whole episode."""


def rows_of_modes(kind: str, results: Path, told: list[dict[str, Any]], columns: Mapping[str, str]) -> Iterator[Cell]:
    """Yield the rows of Monty's CSV files beside the published episodes."""
    for mode in MODES:
        rows = _rows(results, mode)
        episodes = sorted((one for one in told if one["mode"] == mode), key=lambda one: one["episode"])
        modules = len(episodes[0]["learning_modules"]) if episodes else 1
        yield Cell(kind, f"{mode} rows", len(rows), len(episodes) * modules)
        for at, row in enumerate(rows):
            episode = episodes[at // modules]
            module = list(episode["learning_modules"].values())[at % modules]
            for here, names in ((module, columns), (episode, COLUMNS["episode"])):
                for column in names.keys() & row.keys():
                    ours = here[names[column]]
                    yield Cell(kind, f"{mode} {at} {column}", _typed(row[column], ours), ours)


def _typed(text: str, like: Any) -> Any:
    """Return a cell of a CSV file in the type of the value that it is compared with."""
    if text == "":
        return None
    return text if like is None or isinstance(like, str) else float(text)
