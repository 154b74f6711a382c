"""The simulated workers of `make bench BENCH=capacity` publish what they say to a real bridge, and no more."""

from __future__ import annotations

from collections import Counter

from benchmarks.capacity.hook_curve import Shape, median_micros
from benchmarks.capacity.workers import Load, examples, publish
from monty_mqtt.wire import schema


def test_each_worker_publishes_its_steps_evenly_and_the_bridge_has_them_all(bridge, subscriber):
    load = Load(workers=12, modules=2, objects=3, frames=True)
    taken = publish(load, bridge.zmq_port, 1.0)
    assert taken.flushed
    assert taken.steps == 12 * 25
    assert taken.secs >= 0.9
    assert subscriber.wait_for(lambda _: len(subscriber.messages(schema.Step)) >= taken.steps)
    steps = Counter((step.run, step.worker) for step in subscriber.messages(schema.Step))
    assert steps == {(f"{load.run}-{number // 10}", f"w{number}"): 25 for number in range(12)}


def test_no_two_examples_have_the_same_evidence():
    evidence = [str(example["learning_modules"]["LM_0"].evidence) for example in examples(Load(1, 2, 4))]
    assert len(evidence) == len(set(evidence)) == 200


def test_the_hook_is_measured_on_a_model_of_the_shape():
    assert 0 < median_micros(Shape(modules=2, objects=3, hypotheses=5), 5) < 1e6
