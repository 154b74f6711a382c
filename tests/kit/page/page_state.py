"""Builds the page's state from the demo's recording, and from steps made by hand."""

from functools import cache

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep, SensorModuleStep
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_file import Reader
from monty_mqtt_liveview.state.run import Runs
from monty_mqtt_stack.demo.demo_recording import recording_path

SECOND = 1_000_000_000
START = 1_795_428_900 * SECOND


@cache
def demo_messages():
    """Return every message of the demo's two runs, in order."""
    return [
        message_of(entry.topic, entry.payload)[0]
        for entry in Reader(recording_path()).entries()
        if topics.parse(entry.topic).kind not in {"evidence", "command"}
    ]


def demo():
    """Return the two runs of the demo: learning, recognising."""
    return of(demo_messages())


def of(messages):
    """Return the runs that messages make, in order of their start."""
    runs = Runs()
    for message in messages:
        runs.apply(message)
    return list(runs.by_name.values())


def head(at, worker="main"):
    """Return the fields that every message has, `at` seconds after the start."""
    return {"run": "r", "worker": worker, "seq": int(at * 10), "time_unix_nanos": START + int(at * SECOND)}


def belief(evidence, target="mug", **more):
    """Return a supervised learning module's step with this evidence; the first object with the most is most likely."""
    known = {name: value for name, value in evidence.items() if value is not None and value == value}  # noqa: PLR0124
    winner = max(known, key=known.get, default=None)
    likely = Hypothesis(object=winner, evidence=known[winner]) if winner else None
    truth = {"target_graphs": [target] if target in evidence else None, "is_correct": winner and winner == target}
    return LearningModuleStep(evidence=evidence, most_likely=likely, target_object=target, **{**truth, **more})


def step(at, *, episode=0, number=None, mode="eval", worker="main", modules=None, **more):
    """Return a step, `at` seconds after the start."""
    return schema.Step(
        **head(at, worker),
        mode=mode,
        epoch=0,
        episode=episode,
        step=int(at) if number is None else number,
        total_step=int(at),
        target_object=more.pop("target", "mug"),
        learning_modules=modules or {},
        **more,
    )


def sensed(*location, on_object=True):
    return {"patch": SensorModuleStep(location=list(location), on_object=on_object)}


def only_worker(messages):
    """Return the only worker of the only run that messages make."""
    (run,) = of(messages)
    (worker,) = run.workers.values()
    return worker
