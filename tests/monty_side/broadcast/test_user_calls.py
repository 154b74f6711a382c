"""The user's calls become kinds and fields."""

import asyncio
import copy
import math
import pickle
import threading
from collections.abc import Coroutine
from decimal import Decimal

import numpy as np
import pytest

from monty_mqtt.broadcast import user_calls
from monty_mqtt.broadcast.user_calls import QUEUED, AwaitableResult
from monty_mqtt.wire import schema


@pytest.mark.parametrize("value", [7, 7.0, True + 6, np.int8(7), np.float64(7), np.array(7), [7], np.array([[7]])])
def test_what_counts_as_a_number(value):
    kind, fields, non_finite = user_calls.metric("loss", value, {})
    assert (kind, fields, non_finite) == (schema.Metric, {"name": "loss", "value": 7.0, "metadata": {}}, 0)
    assert type(fields["value"]) is float


@pytest.mark.parametrize("value", ["7", [], [1, 2], {}, object(), b"7"])
def test_what_does_not(value):
    with pytest.raises(TypeError, match=r"^publish_metric\('loss'\): .* is no number$"):
        user_calls.metric("loss", value, {})


def test_what_is_not_finite_is_counted_in_value_and_metadata():
    _, fields, non_finite = user_calls.metric("loss", math.nan, {"low": -math.inf, "epoch": 1})
    assert (fields["value"], fields["metadata"], non_finite) == (None, {"low": None, "epoch": 1}, 2)
    assert user_calls.metric("loss", None, {})[1]["value"] is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (np.float32("nan"), "nan"), ([math.inf], "inf"),
        (np.array([[-math.inf]]), "-inf"), (Decimal("inf"), "inf"), ({math.nan}, "nan"), (None, None), (1.0, None),
    ],
)  # fmt: skip
def test_a_metric_says_what_it_was_where_it_was_not_finite(value, name):
    kind, fields, _ = user_calls.metric("loss", value, {})
    payload = schema.encode(kind(run="r", worker="w", seq=0, time_unix_nanos=1, **fields))
    assert fields.get("not_finite") == name
    assert (b'"value":null' in payload) == (value != 1.0), "absent values have no place in a number of its own"


@pytest.mark.parametrize(
    ("name", "text"), [("loss", "loss"), (7, "7"), (None, "None"), ("\udc80", "\\udc80"), ("", "")]
)
def test_any_name_will_do(name, text):
    assert user_calls.metric(name, 0, {})[1]["name"] == text
    assert user_calls.data(name, 0)[1]["stream"] == text
    assert user_calls.log("info", name, {})[1]["message"] == text


def test_levels_are_lower_case():
    assert user_calls.log("WARNING", "m", {"a": 1}) == (
        schema.Log,
        {"level": "warning", "message": "m", "metadata": {"a": 1}},
        0,
    )


def test_state_is_the_whole_of_it():
    whole = {}
    user_calls.state(whole, {"a": 1, "b": {2}})
    kind, fields, _ = user_calls.state(whole, {"a": 3})
    assert (kind, fields) == (schema.State, {"state": {"a": 3, "b": [2]}})


def test_the_result_of_a_call_is_a_coroutine():
    assert isinstance(QUEUED, Coroutine)
    assert asyncio.iscoroutine(QUEUED)


def test_the_result_can_be_run():
    assert asyncio.run(QUEUED) is None
    assert asyncio.run(QUEUED) is None  # one object serves all calls


def test_the_result_in_await_gather_wait_for_and_tasks():
    async def everything():
        assert await QUEUED is None
        assert await asyncio.gather(QUEUED, QUEUED, AwaitableResult()) == [None, None, None]
        assert await asyncio.wait_for(QUEUED, 1) is None
        assert await asyncio.shield(QUEUED) is None
        task = asyncio.create_task(QUEUED)
        assert await task is None
        done, pending = await asyncio.wait([asyncio.ensure_future(QUEUED)])
        assert (len(done), len(pending)) == (1, 0)
        task = asyncio.create_task(QUEUED)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(everything())


def test_the_result_in_another_thread():
    async def main():
        loop = asyncio.get_running_loop()
        results = []
        thread = threading.Thread(target=lambda: results.append(asyncio.run_coroutine_threadsafe(QUEUED, loop)))
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        assert await asyncio.wrap_future(results[0]) is None

    asyncio.run(main())


def test_the_result_driven_by_hand():
    with pytest.raises(StopIteration):
        QUEUED.send(None)
    with pytest.raises(ValueError, match="thrown in"):
        QUEUED.throw(ValueError("thrown in"))
    with pytest.raises(ValueError, match="thrown in"):
        QUEUED.throw(ValueError, ValueError("thrown in"), None)
    with pytest.raises(KeyError):
        QUEUED.throw(KeyError)
    QUEUED.close()


def test_forgetting_the_result_warns_of_nothing(recwarn):
    AwaitableResult()
    assert not recwarn.list


def test_a_process_pool_can_send_the_result_back():
    assert pickle.loads(pickle.dumps(QUEUED)) is QUEUED
    assert copy.deepcopy(QUEUED) is QUEUED
