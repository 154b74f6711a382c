"""What browsers and programs are given of the state, as plain JSON values. Pure.

Place in the flow: `api` answers with these, `live` sends what is new of them; the parts stand in modules of their own.

Everything in a run notes the run's revision at its last change: `seen`, here and there, is the revision that a viewer
has seen; what changed since is returned.
"""

from __future__ import annotations

from monty_mqtt_liveview.views.episode_table import episode_rows
from monty_mqtt_liveview.views.first_wrong_decision import wrong
from monty_mqtt_liveview.views.heads import changed_workers, info, run_head, worker_head
from monty_mqtt_liveview.views.moment import bulk, bulk_at, bulk_latest, find_row, moment
from monty_mqtt_liveview.views.redo import redo
from monty_mqtt_liveview.views.results import results
from monty_mqtt_liveview.views.step_rows import course, newest_rows, rows
from monty_mqtt_liveview.views.user_values import data, metrics, state

__all__ = [
    "bulk",
    "bulk_at",
    "bulk_latest",
    "changed_workers",
    "course",
    "data",
    "episode_rows",
    "find_row",
    "info",
    "metrics",
    "moment",
    "newest_rows",
    "redo",
    "results",
    "rows",
    "run_head",
    "state",
    "worker_head",
    "wrong",
]
