"""What came of the episodes: who was taken for whom, how often, how far off, how long it took. Pure.

Place in the flow: a part of `views`, which is what everybody imports. Whether an episode is correct is not decided
here: `monty_mqtt.outcomes` did, by Monty's rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from monty_mqtt import schema
from monty_mqtt_liveview.columns import Array
from monty_mqtt_liveview.plain import Json, rounded, short
from monty_mqtt_liveview.run import Run

__all__ = ["most_likely", "results"]

_ALL = "all"
_BINS = 20
_ROTATION_EDGES = np.arange(0.0, 181.0, 10.0)
_MOST_BELIEVABLE = 1e9


def results(run: Run, worker_name: str | None = None, mode: str | None = None) -> Json:
    """Return tables and histograms of all judged episodes.

    Args:
        run: The run.
        worker_name: Of which worker; None is all.
        mode: `train` or `eval`; None is both.
    """
    ended = [
        one
        for worker in run.workers.values()
        if worker.is_judged and worker_name in (None, worker.name)
        for one in worker.known.episodes.values()
        if one.correct is not None and (mode is None or one.mode == mode)
    ]
    return {**_confusion(ended), "per_object": _per_object(ended), "histograms": _histograms(ended), **_means(ended)}


def most_likely(ended: schema.EpisodeEnded) -> str | None:
    """Return what the model took the target for: the object most often named by the modules that decided the outcome.

    Those are the ones whose outcome is that of the whole; of objects named as often, the one with more evidence.
    """
    modules = ended.learning_modules.values()
    deciding = [one for one in modules if one.outcome == ended.outcome] or modules
    votes: dict[str, tuple[int, float]] = {}
    for one in deciding:
        if one.most_likely_object is not None:
            count, highest = votes.get(one.most_likely_object, (0, -np.inf))
            votes[one.most_likely_object] = count + 1, max(highest, one.highest_evidence or 0.0)
    return max(votes, key=lambda name: votes[name], default=None)


def _confusion(ended: Sequence[schema.EpisodeEnded]) -> Json:
    counts = _counted(ended)
    cells = [cell for table in counts.values() for cell in table]
    targets = sorted({target for target, _ in cells})
    # The targets first and in the same order: what was recognised is the diagonal.
    predicted = [*targets, *sorted({name for _, name in cells}.difference(targets))]
    return {
        "targets": targets,
        "predicted": predicted,
        "confusion": {
            name: [[table[target, taken_for] for taken_for in predicted] for target in targets]
            for name, table in counts.items()
        },
    }


def _counted(ended: Sequence[schema.EpisodeEnded]) -> dict[str, Counter[tuple[str, str]]]:
    """Return how often what was shown was taken for what, by the whole model and by each learning module."""
    counts: dict[str, Counter[tuple[str, str]]] = {_ALL: Counter()}
    for one in ended:
        if one.target is None:
            continue
        shown = one.target.object
        counts[_ALL][shown, most_likely(one) or _nothing(one.outcome)] += 1
        for name, module in one.learning_modules.items():
            taken_for = module.most_likely_object or _nothing(module.outcome)
            counts.setdefault(name, Counter())[shown, taken_for] += 1
    return counts


def _nothing(outcome: str | None) -> str:
    return f"({outcome or 'nothing'})"


def _per_object(ended: Sequence[schema.EpisodeEnded]) -> list[Json]:
    by_object: dict[str, list[schema.EpisodeEnded]] = {}
    for one in ended:
        if one.target is not None:
            by_object.setdefault(one.target.object, []).append(one)
    found = []
    for name in sorted(by_object):
        means = _means(by_object[name])
        del means["used_mlh"]
        found.append({"object": name, "episodes": means.pop("judged"), **means})
    return found


def _means(ended: Sequence[schema.EpisodeEnded]) -> Json:
    judged, correct = len(ended), sum(one.correct or 0 for one in ended)
    return {
        "judged": judged,
        "correct": correct,
        "accuracy": short(correct / judged) if judged else None,
        "used_mlh": sum(one.used_mlh or 0 for one in ended),
        "rotation_error_degs": _mean(one.rotation_error_degs for one in ended),
        "steps": _mean(one.steps for one in ended),
        "secs": _mean(one.elapsed_secs for one in ended),
    }


def _histograms(ended: Sequence[schema.EpisodeEnded]) -> Json:
    return {
        "steps": _histogram([one.steps for one in ended]),
        "secs": _histogram([one.elapsed_secs for one in ended]),
        "rotation_error_degs": _histogram([one.rotation_error_degs for one in ended], _ROTATION_EDGES),
    }


def _histogram(values: Iterable[float | None], edges: Array | None = None) -> Json:
    known = [round(value, 5) for value in values if value is not None and abs(value) < _MOST_BELIEVABLE]
    counts, found = _round_bins(known) if edges is None else np.histogram(known, edges)
    return {"edges": rounded(found), "counts": counts.tolist()}


def _round_bins(values: Sequence[float]) -> tuple[Array, Array]:
    """Return counts and edges of at most `_BINS` + 1 bins.

    Edges are multiples of 1, 2 or 5 times a power of ten; of whole numbers whole.
    """
    if not values:
        return np.zeros(1, np.int64), np.arange(2.0)
    low, high = min(values), max(values)
    least = max((high - low) / _BINS, 1.0 if all(value == round(value) for value in values) else 1e-5)
    power = 10.0 ** np.floor(np.log10(least))
    width = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))
    places = np.floor(np.array(values) / width + 1e-6).astype(np.int64)  # 0.3 / 0.1 is a little less than 3
    first, last = int(places.min()), int(places.max())
    return np.bincount(places - first), np.round(np.arange(first, last + 2) * width, 10)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return short(sum(known) / len(known)) if known else None
