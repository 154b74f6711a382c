"""What steps said, one row per step."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.page.page_state import START, belief, demo_messages, sensed, step

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep
from monty_mqtt_liveview.state.steps.step_table import StepTable

NAN = float("nan")


def table_of(*steps):
    table = StepTable()
    for published in steps:
        table.append(published)
    table.settle()
    return table


def test_every_number_of_the_demo_is_there():
    steps = [step for step in demo_messages() if isinstance(step, schema.Step) and step.mode == "eval"]
    table = table_of(*steps)
    assert table.count == len(steps) == 261
    for name in ("time_unix_nanos", "epoch", "episode", "step", "total_step"):
        assert getattr(table, name).view(table.count).tolist() == [getattr(step, name) for step in steps]
    for name, module in table.learning_modules.items():
        reports = [step.learning_modules[name] for step in steps]
        for place, object_name in enumerate(module.objects.names):
            evidence = [(report.evidence or {}).get(object_name, NAN) for report in reports]
            kept = module.evidence.take(np.arange(table.count), module.known)[:, place]
            assert np.array_equal(kept, np.array(evidence, np.float32), equal_nan=True)
            counts = [(report.hypothesis_counts or {}).get(object_name, -1) for report in reports]
            assert module.hypotheses.take(np.arange(table.count), module.known)[:, place].tolist() == counts
            possible = [int(object_name in report.possible_matches) for report in reports]
            assert (module.possible.take(np.arange(table.count), module.known)[:, place] == 1).tolist() == possible
        winners = module.winner.view(table.count).tolist()
        assert [module.objects.name(at) for at in winners] == [report.most_likely.object for report in reports]
        assert module.possible_count.view(table.count).tolist() == [len(report.possible_matches) for report in reports]


def test_what_is_absent_stays_absent():
    table = table_of(
        step(0, modules={"LM": LearningModuleStep()}), step(1), step(2, modules={"LM": belief({"mug": 1})})
    )
    module = table.learning_modules["LM"]
    assert module.winner.view(3).tolist() == [-1, -1, 0]
    assert np.isnan(module.evidence.take(np.arange(3), 1)[:2]).all()
    assert module.possible_count.view(3).tolist() == [-1, -1, -1]
    assert np.isnan(module.location.view(3)).all()


def test_objects_that_come_later_get_columns():
    table = table_of(step(0, modules={"LM": belief({"a": 1})}), step(1, modules={"LM": belief({"b": 2, "a": 3})}))
    module = table.learning_modules["LM"]
    places = [module.objects.find("a"), module.objects.find("b")]
    evidence = module.evidence.take(np.arange(2), module.known)[:, places]
    assert np.array_equal(evidence, np.array([[1, NAN], [3, 2]]), equal_nan=True)


def test_very_many_objects_do_not_take_all_memory():
    table = table_of(step(0, modules={"LM": belief({f"object {n}": n for n in range(2000)})}))
    module = table.learning_modules["LM"]
    assert module.evidence.take(np.arange(1), module.known).shape == (1, 512)
    assert module.objects.name(int(module.winner.view(1)[0])) == "object 1999"


def test_sensors_have_their_place():
    table = table_of(step(0, sensor_modules=sensed(0.1, 0.2, 0.3)), step(1, sensor_modules=sensed(1, on_object=None)))
    patch = table.sensors["patch"]
    assert patch.on_object.view(2).tolist() == [1, -1]
    assert np.allclose(patch.location.view(2), [[0.1, 0.2, 0.3], [1, NAN, NAN]], equal_nan=True)


def test_numbers_that_do_not_fit_are_as_near_as_they_can():
    likely = Hypothesis(object="mug", evidence=1e300, location=[1e300, None, 0.0])
    huge = LearningModuleStep(most_likely=likely, evidence={"mug": -1e300}, hypothesis_counts={"mug": 2**40})
    table = table_of(step(0, number=2**50, modules={"LM": huge}))
    module = table.learning_modules["LM"]
    assert table.step.view(1)[0] == 2**31 - 1
    assert module.hypotheses.view(1)[0, 0] == 2**31 - 1
    assert module.evidence.view(1)[0, 0] == -np.inf


def test_steps_out_of_order_are_put_in_order():
    table = table_of(step(0), step(2), step(1), step(2))
    assert table.step.view(table.count).tolist() == [0, 1, 2]
    assert table.time_at(1) == START + 1_000_000_000
    assert table.settle() is False


@settings(deadline=None)
@given(order=st.lists(st.integers(0, 60), max_size=120), reads=st.sets(st.integers(0, 119)))
def test_in_whatever_order_and_however_often_steps_come(order, reads):
    table = StepTable()
    for place, number in enumerate(order):
        table.append(step(number, modules={"LM": belief({f"object {number % 7}": number})}))
        if place in reads:
            table.settle()
    table.settle()
    numbers = sorted(set(order))
    assert table.step.view(table.count).tolist() == numbers
    if numbers:
        module = table.learning_modules["LM"]
        assert [module.objects.name(at) for at in module.winner.view(table.count)] == [
            f"object {n % 7}" for n in numbers
        ]


def test_more_than_wait_at_once_are_all_there():
    table = table_of(*(step(number, modules={"LM": belief({"mug": number})}) for number in range(1300)))
    assert table.learning_modules["LM"].evidence.view(1300)[:, 0].tolist() == list(range(1300))
    assert table.nbytes > 1300 * 8
