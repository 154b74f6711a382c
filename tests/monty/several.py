"""Runs several real experiments one after another in this process: importing Monty takes longer than a short run.

`python several.py JOBS.json RESULTS.json`. A job is {"name", "main": "plain" | "monitored", "args", "environ"}; plain
is Monty's own `run.py`, word for word. A result is {"name", "exit"}, written before the next job begins.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def run_plain() -> Any:
    from tbp.monty.frameworks.run_env import setup_env  # noqa: PLC0415 - run.py's order

    setup_env()
    from tbp.monty.frameworks.run import main  # noqa: PLC0415 - run.py's order

    main()
    return 0


def run_monitored() -> Any:
    from monty_mqtt.run import main  # noqa: PLC0415 - a process of plain jobs must not import it

    return main()


def exit_of(job: dict[str, Any]) -> Any:
    sys.argv = ["run.py", *job["args"]]
    os.environ.update(job.get("environ", {}))
    try:
        return run_plain() if job["main"] == "plain" else run_monitored()
    except SystemExit as leaving:
        return 0 if leaving.code is None else leaving.code
    except BaseException as error:  # noqa: BLE001 - the test compares what left Monty's main
        return type(error).__name__


def main() -> None:
    jobs, results = Path(sys.argv[1]), Path(sys.argv[2])
    done = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes ignore Ctrl+C
    for job in json.loads(jobs.read_text()):
        done.append({"name": job["name"], "exit": exit_of(job)})
        results.write_text(json.dumps(done))
    if all(job["main"] == "plain" for job in json.loads(jobs.read_text())):
        assert "monty_mqtt" not in sys.modules


if __name__ == "__main__":
    main()
