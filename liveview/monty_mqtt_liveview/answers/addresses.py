"""Lists every address that programs may request: what it answers, what it is for, and an example of it.

`tools/openapi.py` adds to each what FastAPI knows of its parameters, and writes `web/openapi.json`. Addresses stay as
they are: a later version may add some, and may add parameters that have a default.
"""

from __future__ import annotations

from typing import Any

from monty_mqtt_liveview.answers.address import MEANINGS, Address
from monty_mqtt_liveview.answers.episodes import EpisodeRow, ModeResults, Redo, Sparkline, Verdict
from monty_mqtt_liveview.answers.graphs import Graphs
from monty_mqtt_liveview.answers.heads import RunAnswer, RunHead
from monty_mqtt_liveview.answers.images import DepthColours, HypothesisCloud, ModelSource
from monty_mqtt_liveview.answers.live_messages import RunNews, RunsNews
from monty_mqtt_liveview.answers.machine import MachineHead, UseCourse
from monty_mqtt_liveview.answers.media import IMAGE, MEDIUM, OF_MEDIUM, Media, MediumHead
from monty_mqtt_liveview.answers.own_panels import PanelsShown
from monty_mqtt_liveview.answers.page_state import (
    CommandAnswers,
    Done,
    Health,
    Password,
    RecordingCounts,
    RunCommand,
    Session,
)
from monty_mqtt_liveview.answers.steps import FoundRow, Moment, StepColumns
from monty_mqtt_liveview.answers.values import Events, Logs, MetricCourse, MetricHeads, StreamHead, StreamHistory

__all__ = ["ADDRESSES", "FOR_PEOPLE"]

_RUN = {404: "there is no such run"}
_RUN_OR_WORKER = {404: "there is no such run, or it has no such worker"}
_OF_RUN, _OF_WORKER = "/api/run/{run}", "/api/run/{run}/worker/{worker}"
_ONE_WORKER = {"worker": "Name of the worker"}
_AT_ROW = {"row": "Row of the step that it is shown with; without it, the latest"}

_RUNS = {
    "GET /api/runs": Address(list[RunHead], "Every run, live and past.", "/api/runs"),
    f"GET {_OF_RUN}": Address(RunAnswer, "One run with its workers, and what it runs.", "/api/run/RUN", refusals=_RUN),
    f"GET {_OF_RUN}/episodes": Address(
        list[EpisodeRow],
        "Every episode: target, outcome, most likely object, rotation error, steps.",
        "/api/run/RUN/episodes?worker=main",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_RUN}/results": Address(
        dict[str, ModeResults],
        "Results by mode: as in Monty's overall statistics, per object, confusion, histograms.",
        "/api/run/RUN/results",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_RUN}/redo": Address(
        Redo,
        "The command line that repeats an episode, or all that were not correct.",
        "/api/run/RUN/redo?mode=eval&episode=0",
        refusals=_RUN_OR_WORKER,
        meanings={"episode": f"{MEANINGS['episode']}; without it, all that were not correct"},
    ),
    f"GET {_OF_RUN}/logs": Address(
        Logs, "Log lines, also of the recording.", "/api/run/RUN/logs?level=warning&count=20", refusals=_RUN_OR_WORKER
    ),
    f"GET {_OF_RUN}/events": Address(
        Events, "Events, also of the recording.", "/api/run/RUN/events?count=20", refusals=_RUN_OR_WORKER
    ),
    f"GET {_OF_RUN}/metrics": Address(
        MetricHeads,
        "The latest value of every metric.",
        "/api/run/RUN/metrics?search=loss&like=lo*",
        refusals=_RUN_OR_WORKER,
        meanings={
            "first": "Place of the first one, in the order of their first values",
            "name": "Name of a metric, as often as there are wanted; without it, all",
        },
    ),
    f"GET {_OF_RUN}/metric": Address(
        MetricCourse,
        "The course of a metric; from `first` to `last`, every value as far as `points` go.",
        "/api/run/RUN/metric?worker=main&name=loss&points=100",
        refusals={404: "there is no such run, worker or metric"},
        meanings={
            **_ONE_WORKER,
            "first": "First place on the axis, for `time` milliseconds since 1970; only with `last`",
            "last": "Last place on the axis",
            "points": "About how many",
            "axis": "Along which axis; values that have no place on it are left out",
        },
    ),
    f"GET {_OF_RUN}/machine": Address(
        list[MachineHead],
        "What each worker's process and its host use now.",
        "/api/run/RUN/machine",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_RUN}/machine_course": Address(
        dict[str, UseCourse],
        "What a worker's process and its host used over time, by field; none where it told nothing.",
        "/api/run/RUN/machine_course?worker=main&points=100",
        refusals=_RUN_OR_WORKER,
        meanings={**_ONE_WORKER, "points": "About how many of each field"},
    ),
    f"GET {_OF_RUN}/data": Address(
        list[StreamHead], "The latest value of every data stream.", "/api/run/RUN/data", refusals=_RUN_OR_WORKER
    ),
    f"GET {_OF_RUN}/stream": Address(
        StreamHistory,
        "What a data stream said, from the recording.",
        "/api/run/RUN/stream?worker=main&stream=notes&count=10",
        refusals=_RUN_OR_WORKER,
        meanings=_ONE_WORKER,
    ),
    f"GET {_OF_RUN}/panels": Address(
        PanelsShown,
        "Panels and metrics that its page shows, as its operator arranged it.",
        "/api/run/RUN/panels",
        refusals=_RUN,
    ),
    f"GET {_OF_RUN}/state": Address(
        dict[str, Any], "The state of each worker that published one.", "/api/run/RUN/state", refusals=_RUN_OR_WORKER
    ),
}

_STEPS = {
    f"GET {_OF_WORKER}/steps": Address(
        StepColumns,
        "Steps; of many, those with the extreme values.",
        "/api/run/RUN/worker/main/steps?first=0&last=99&points=50",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_WORKER}/moment": Address(
        Moment,
        "Everything that was reported about one step.",
        "/api/run/RUN/worker/main/moment?row=-1",
        refusals={404: "there is no such run, worker or row"},
    ),
    f"GET {_OF_WORKER}/find": Address(
        FoundRow,
        "Where a step is.",
        "/api/run/RUN/worker/main/find?mode=eval&episode=0&step=5",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_WORKER}/wrong": Address(
        dict[str, Verdict],
        "The first wrong decision of an episode, by learning module.",
        "/api/run/RUN/worker/main/wrong?mode=eval&episode=0",
        refusals={404: "there is no such run, worker or episode"},
    ),
    f"GET {_OF_WORKER}/graphs": Address(
        Graphs,
        "What each learning module has learned: its graphs, their sizes, and which episodes made and extended them.",
        "/api/run/RUN/worker/main/graphs",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_WORKER}/sparklines": Address(
        list[Sparkline],
        "How evidence grew in stretches of the steps, such as episodes.",
        "/api/run/RUN/worker/main/sparklines?stretches=0-24,25-60",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_WORKER}/frame": Address(
        IMAGE,
        "What a sensor saw.",
        "/api/run/RUN/worker/main/frame?sensor=patch_0&modality=rgba&row=9",
        refusals={404: "there is no such run, worker, row or image"},
        meanings=_AT_ROW,
    ),
    f"GET {_OF_WORKER}/media": Address(
        list[MediumHead],
        "What a program published to look at.",
        "/api/run/RUN/worker/main/media",
        refusals=_RUN_OR_WORKER,
    ),
    f"GET {_OF_WORKER}/medium": Address(
        MEDIUM,
        "The newest image, points, histogram or table of a name, or that at a place.",
        "/api/run/RUN/worker/main/medium?kind=image&name=saliency",
        refusals={404: "there is no such run, worker, name or place"},
        meanings=OF_MEDIUM,
    ),
    "GET /run/{run}/latest/{sensor}/{modality}": Address(
        IMAGE,
        "The latest image of a sensor; pages of other hosts may show it.",
        "/run/RUN/latest/patch_0/depth",
        refusals={404: "there is no such run, worker or image"},
        meanings={"worker": "Name of the worker; without it, the one with the newest image"},
    ),
    f"GET {_OF_WORKER}/depth_scale": Address(
        DepthColours,
        "What the colours of a sensor's depth images stand for.",
        "/api/run/RUN/worker/main/depth_scale?sensor=patch_0",
        refusals={404: "there is no such run, worker or image"},
    ),
    f"GET {_OF_WORKER}/cloud": Address(
        HypothesisCloud,
        "Hypotheses of a learning module: the 500 with most evidence.",
        "/api/run/RUN/worker/main/cloud?learning_module=learning_module_0",
        refusals={404: "there is no such run, worker, row or cloud"},
        meanings=_AT_ROW,
    ),
    f"GET {_OF_WORKER}/model": Address(
        Media(("application/octet-stream",), "x, y, z of each point, metres, float32, little-endian"),
        "The points of a learned model.",
        "/api/run/RUN/worker/main/model?learning_module=learning_module_0&object=capsule3DSolid",
        refusals={404: "there is no such run, worker or model"},
    ),
    f"GET {_OF_WORKER}/model_source": Address(
        ModelSource | None,
        "Which run and worker sent the learned model of an object; null if none did.",
        "/api/run/RUN/worker/main/model_source?learning_module=learning_module_0&object=capsule3DSolid",
        refusals=_RUN_OR_WORKER,
    ),
}

_LIVE = {
    "GET /live": Address(
        RunNews,
        "What changes in a run, at most ten times a second.",
        "/live?run=RUN&worker=main",
        meanings={
            "worker": "Worker whose steps, episodes and images are told; without it, none",
            "rows": "Number of rows that the listener has",
            "generation": "Generation of these rows",
        },
        is_live=True,
    ),
    "GET /live_runs": Address(
        RunsNews, "What changes in the list of runs, at most twice a second.", "/live_runs", is_live=True
    ),
}

_PAGE = {
    "GET /healthz": Address(
        Health, "Whether the page works: 200 and `ok`, or what is wrong.", "/healthz", also={503: "it does not work"}
    ),
    "GET /api/recording": Address(RecordingCounts, "What became of the messages.", "/api/recording"),
    "GET /api/session": Address(
        Session,
        "Whether this visitor may command runs.",
        "/api/session",
        refusals=_RUN,
        meanings={"run": "Id of the run that shall be commanded"},
    ),
    "POST /api/login": Address(
        Done,
        "Log in; the session is a cookie.",
        "/api/login",
        body=Password,
        sent='{"password": "…"}',
        refusals={400: "the body is not JSON like that", 401: "the password is wrong", 429: "too many wrong ones came"},
    ),
    "POST /api/logout": Address(
        Done, "Log out.", "/api/logout", refusals={503: "the end of the session cannot be written to disk"}
    ),
    f"POST {_OF_RUN}/command": Address(
        CommandAnswers,
        "Command a run, and wait for the workers' answers.",
        "/api/run/RUN/command",
        body=RunCommand,
        sent='{"command": "pause", "reason": "to look at it"}',
        refusals={
            400: "the body is no such command",
            403: "a login is needed",
            404: "there is no such run",
            409: "the run is over, or no command would reach it",
            503: "too many commands are waiting",
            504: "no answer came",
        },
    ),
}

ADDRESSES = {**_RUNS, **_STEPS, **_LIVE, **_PAGE}
"""Every address for programs, by its method and path."""

_DOCUMENTS = ("/", "/run/{run}", "/run/{run}/workers", "/assets/{name}", "/page.css", "/panel_frame")
_ABOUT = ("/login", "/api", "/openapi.json")
FOR_PEOPLE = frozenset({*(f"GET {path}" for path in (*_DOCUMENTS, *_ABOUT)), "POST /login"})
"""The other addresses: documents, and what they load."""
