"""This program runs one monitored experiment, and notes at every step the time of the hook and of the step.

usage: python -m benchmarks.hook_probe RESULT.json experiment=NAME [overrides…]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from monty_mqtt import run
from monty_mqtt.monitor.step_hook import StepPublisher


def main() -> int:
    """Run Monty with the rest of the command line; write the nanoseconds; return the exit code."""
    result = Path(sys.argv.pop(1))
    costs: list[int] = []
    steps: list[int] = []
    publish = StepPublisher.publish
    last = 0

    def measured(self: StepPublisher, monty: Any, step: int, *rest: Any) -> None:
        nonlocal last
        began = time.perf_counter_ns()
        try:
            publish(self, monty, step, *rest)
        finally:
            ended = time.perf_counter_ns()
            if step:  # the time before an episode's first step is that of its set-up
                costs.append(ended - began)
                steps.append(ended - last)
            last = ended

    StepPublisher.publish = measured  # type: ignore[method-assign,assignment]
    code = run.main()
    result.write_text(json.dumps({"cost_nanos": costs, "step_nanos": steps}))
    return code


if __name__ == "__main__":
    sys.exit(main())
