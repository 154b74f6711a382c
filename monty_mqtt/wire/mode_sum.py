"""This module adds up the finished episodes of a mode, by the rules of Monty's own overall statistics. Pure.

Called by `progress` for a worker, or for all workers of a `parent`, by `run_status` for the episodes that a reader has
seen, and by the page for those of one object. So all programs mean the same by accuracy, mean rotation error
and mean steps.

The rules are those of `BasicGraphMatchingLogger` (0.55): a share is a share of all episodes of the mode, including
those without an outcome; the rotation error is the mean over all learning modules of all episodes that have one, not
the mean of the episodes' means; steps are the mean over the episodes. Modes are never added up.
"""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional

from monty_mqtt.wire.message_pieces import ModeProgress
from monty_mqtt.wire.run_messages import EpisodeEnded

__all__ = ["Finished", "ModeSum", "finished", "merged"]


class Finished(NamedTuple):
    """Finished holds the numbers of one finished episode that are added up.

    Attributes:
        mode: `train` or `eval`.
        steps: Number of steps taken.
        outcome: Monty's word; None without an outcome.
        correct: 1 if it counts as correct, 0 if not, None without an outcome.
        used_mlh: 1 if the most likely hypothesis decided after a time-out, 0 if not, None without an outcome.
        matching_steps: Monty's `monty_matching_steps`, if it has them.
        rotation_errors_degs: Rotation error of each learning module that has one, degrees.
        elapsed_secs: Seconds from its start to its end, without pauses.
    """

    mode: str
    steps: int
    outcome: Optional[str] = None
    correct: Optional[int] = None
    used_mlh: Optional[int] = None
    matching_steps: Optional[int] = None
    rotation_errors_degs: List[float] = []  # noqa: RUF012 - nothing changes it
    elapsed_secs: float = 0.0


def finished(ended: EpisodeEnded) -> Finished:
    """Return the numbers of an episode that are added up."""
    errors = [module.rotation_error_degs for module in ended.learning_modules.values()]
    return Finished(
        ended.mode,
        ended.steps,
        ended.outcome,
        ended.correct,
        ended.used_mlh,
        ended.matching_steps,
        [error for error in errors if error is not None],
        ended.elapsed_secs,
    )


class ModeSum:
    """ModeSum adds up finished episodes of one mode.

    Attributes:
        episodes: Number of episodes.
        rotation_errors: Number of rotation errors in them.
    """

    def __init__(self) -> None:
        self.episodes = 0
        self.rotation_errors = 0
        self._outcomes: CounterOf[str] = Counter()
        self._correct = 0
        self._used_mlh = 0
        self._degs = 0.0
        self._steps = 0.0
        self._matching_steps: Optional[float] = 0.0
        self._secs = 0.0

    def add(self, episode: Finished) -> None:
        """Add an episode."""
        self.episodes += 1
        if episode.outcome is not None:
            self._outcomes[episode.outcome] += 1
        self._correct += episode.correct or 0
        self._used_mlh += episode.used_mlh or 0
        self.rotation_errors += len(episode.rotation_errors_degs)
        self._degs += sum(episode.rotation_errors_degs)
        self._steps += episode.steps
        self._add_matching(episode.matching_steps)
        self._secs += episode.elapsed_secs

    def merge(self, progress: ModeProgress) -> None:
        """Add the episodes that another program has added up."""
        done = progress.episodes_done
        self.episodes += done
        self._outcomes.update(progress.outcomes)
        self._correct += progress.correct
        self._used_mlh += progress.used_mlh
        self.rotation_errors += progress.rotation_errors
        self._degs += (progress.rotation_error_degs or 0.0) * progress.rotation_errors
        self._steps += (progress.mean_steps or 0.0) * done
        matching = progress.mean_matching_steps
        self._add_matching(None if matching is None else matching * done)
        self._secs += (progress.mean_secs or 0.0) * done

    def progress(self, steps: int, expected: Optional[int] = None) -> ModeProgress:
        """Return the sums and means of the episodes.

        Args:
            steps: Steps so far, including those of a running episode.
            expected: Number of episodes in all, if known.
        """
        done, matching = self.episodes, self._matching_steps
        return ModeProgress(
            episodes_done=done,
            episodes_expected=expected,
            steps=steps,
            outcomes=dict(self._outcomes),
            correct=self._correct,
            accuracy=self._correct / done if self._outcomes else None,
            used_mlh=self._used_mlh,
            rotation_errors=self.rotation_errors,
            rotation_error_degs=self._degs / self.rotation_errors if self.rotation_errors else None,
            mean_steps=self._steps / done if done else None,
            mean_matching_steps=matching / done if done and matching is not None else None,
            mean_secs=self._secs / done if done else None,
        )

    def _add_matching(self, steps: Optional[float]) -> None:
        known = self._matching_steps
        self._matching_steps = None if known is None or steps is None else known + steps


def merged(workers: Iterable[Mapping[str, ModeProgress]]) -> Dict[str, ModeProgress]:
    """Return the sums of several workers' episodes together, by mode; `eval` comes first."""
    by_mode: Dict[str, List[ModeProgress]] = {}
    for modes in workers:
        for name, progress in modes.items():
            by_mode.setdefault(name, []).append(progress)
    return {name: _together(by_mode[name]) for name in sorted(by_mode)}


def _together(parts: List[ModeProgress]) -> ModeProgress:
    added = ModeSum()
    for part in parts:
        if part.episodes_done:
            added.merge(part)
    expected = [part.episodes_expected for part in parts if part.episodes_expected is not None]
    return added.progress(sum(part.steps for part in parts), sum(expected) if expected else None)
