"""What a worker tells of its modes, made of the outcomes of their episodes."""

from __future__ import annotations

from monty_mqtt.wire.message_pieces import ModeProgress
from monty_mqtt.wire.mode_sum import Finished, ModeSum
from monty_mqtt.wire.vocabulary import verdict


def ended_so(outcomes: dict[str, int], *, steps: int = 10, expected: int | None = None) -> ModeProgress:
    """What a mode came to whose episodes ended so, each after so many steps."""
    added = ModeSum()
    for outcome, times in outcomes.items():
        for _ in range(times):
            added.add(Finished("", steps, outcome, *verdict(outcome)))
    return added.progress(steps * added.episodes, expected)


def evaluated(**outcomes: int) -> dict[str, ModeProgress]:
    """The modes of a worker that only evaluated: how often its episodes ended so."""
    return {"eval": ended_so(outcomes)}
