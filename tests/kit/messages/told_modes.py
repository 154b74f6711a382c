"""Builds what a worker reports about its modes from the outcomes of their episodes."""

from __future__ import annotations

from monty_mqtt.wire.message_pieces import ModeProgress
from monty_mqtt.wire.mode_sum import Finished, ModeSum
from monty_mqtt.wire.vocabulary import verdict


def ended_so(outcomes: dict[str, int], *, steps: int = 10, expected: int | None = None) -> ModeProgress:
    """Return the sums of a mode whose episodes ended with these outcomes, each after `steps` steps."""
    added = ModeSum()
    for outcome, times in outcomes.items():
        for _ in range(times):
            added.add(Finished("", steps, outcome, *verdict(outcome)))
    return added.progress(steps * added.episodes, expected)


def evaluated(**outcomes: int) -> dict[str, ModeProgress]:
    """Return the modes of a worker that only evaluated, with these numbers of outcomes."""
    return {"eval": ended_so(outcomes)}
