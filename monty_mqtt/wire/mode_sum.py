"""A mode's finished episodes add up here to what Monty's own overall statistics say of them. Pure.

Place in the flow: `progress` adds the episodes of a worker, and `parent` those of all workers, to what goes on the
wire; on the far side `run_status` adds the episodes that it saw itself, and the page those of one object. So every
program means the same by accuracy, mean rotation error and mean steps.

The rules are those of `BasicGraphMatchingLogger` (0.55): a share is one of all episodes of the mode, those without an
outcome included; the rotation error is the mean over all learning modules of all episodes that have one, not of the
episodes' means; steps are the mean over the episodes. Modes are never added up.
"""

from __future__ import annotations

from collections import Counter
from typing import Counter as CounterOf
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional

from monty_mqtt.wire.message_pieces import ModeProgress
from monty_mqtt.wire.run_messages import EpisodeEnded

__all__ = ["Finished", "ModeSum", "finished", "merged"]


class Finished(NamedTuple):
    """What is added up of one finished episode.

    Attributes:
        mode: `train` or `eval`.
        steps: Steps taken.
        outcome: Monty's word, where there is one.
        correct: 1 if it counts as correct, 0 if not, None without an outcome.
        used_mlh: 1 if the most likely hypothesis decided after a time-out, 0 if not, None without an outcome.
        matching_steps: Monty's `monty_matching_steps`, where it has them.
        rotation_errors_degs: Of each learning module that has one.
        elapsed_secs: From its start to its end, without pauses.
    """

    mode: str
    steps: int
    outcome: Optional[str] = None
    correct: Optional[int] = None
    used_mlh: Optional[int] = None
    matching_steps: Optional[int] = None
    rotation_errors_degs: List[float] = []  # noqa: RUF012 - nobody changes it
    elapsed_secs: float = 0.0


def finished(ended: EpisodeEnded) -> Finished:
    """Return what is added up of an episode."""
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
    """Adds up finished episodes of one mode.

    Attributes:
        episodes: How many there are.
        rotation_errors: How many rotation errors they have.
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

    def add(self, one: Finished) -> None:
        """Add an episode."""
        self.episodes += 1
        if one.outcome is not None:
            self._outcomes[one.outcome] += 1
        self._correct += one.correct or 0
        self._used_mlh += one.used_mlh or 0
        self.rotation_errors += len(one.rotation_errors_degs)
        self._degs += sum(one.rotation_errors_degs)
        self._steps += one.steps
        self._add_matching(one.matching_steps)
        self._secs += one.elapsed_secs

    def merge(self, told: ModeProgress) -> None:
        """Add the episodes that somebody else added up."""
        done = told.episodes_done
        self.episodes += done
        self._outcomes.update(told.outcomes)
        self._correct += told.correct
        self._used_mlh += told.used_mlh
        self.rotation_errors += told.rotation_errors
        self._degs += (told.rotation_error_degs or 0.0) * told.rotation_errors
        self._steps += (told.mean_steps or 0.0) * done
        matching = told.mean_matching_steps
        self._add_matching(None if matching is None else matching * done)
        self._secs += (told.mean_secs or 0.0) * done

    def progress(self, steps: int, expected: Optional[int] = None) -> ModeProgress:
        """Return what they come to.

        Args:
            steps: Steps so far, those of a running episode included.
            expected: Episodes in all, where it is known.
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


def merged(told: Iterable[Mapping[str, ModeProgress]]) -> Dict[str, ModeProgress]:
    """Return what several workers' episodes come to together, by mode; `eval` comes first."""
    by_mode: Dict[str, List[ModeProgress]] = {}
    for modes in told:
        for name, one in modes.items():
            by_mode.setdefault(name, []).append(one)
    return {name: _together(by_mode[name]) for name in sorted(by_mode)}


def _together(told: List[ModeProgress]) -> ModeProgress:
    added = ModeSum()
    for one in told:
        if one.episodes_done:
            added.merge(one)
    expected = [one.episodes_expected for one in told if one.episodes_expected is not None]
    return added.progress(sum(one.steps for one in told), sum(expected) if expected else None)
