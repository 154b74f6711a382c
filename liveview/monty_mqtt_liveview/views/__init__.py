"""Makes the JSON values that browsers and programs receive from the state. Pure.

`web.api` answers with these, `web.live` sends those that changed; each part has a module of its own in this folder.

Everything in a run notes the revision of the run at its last change. The argument `seen` is the revision that a viewer
has seen: what has changed since then is returned.
"""

from __future__ import annotations

from monty_mqtt_liveview.views.episode_table import episode_rows, sparklines
from monty_mqtt_liveview.views.first_wrong_decision import wrong
from monty_mqtt_liveview.views.graphs import graphs
from monty_mqtt_liveview.views.heads import changed_workers, info, run_head, worker_head
from monty_mqtt_liveview.views.moment import bulk, bulk_at, bulk_latest, find_row, moment
from monty_mqtt_liveview.views.redo import redo
from monty_mqtt_liveview.views.results import results
from monty_mqtt_liveview.views.step_rows import course, newest_rows, rows
from monty_mqtt_liveview.views.user_values import data, machine, machine_course, media, medium_place, metrics, state

__all__ = [
    "bulk",
    "bulk_at",
    "bulk_latest",
    "changed_workers",
    "course",
    "data",
    "episode_rows",
    "find_row",
    "graphs",
    "info",
    "machine",
    "machine_course",
    "media",
    "medium_place",
    "metrics",
    "moment",
    "newest_rows",
    "redo",
    "results",
    "rows",
    "run_head",
    "sparklines",
    "state",
    "worker_head",
    "wrong",
]
