"""A finished coroutine goes wherever asyncio wants one."""

import asyncio
import copy
import pickle
import threading
from collections.abc import Coroutine

import pytest

from monty_mqtt.broadcast.user_calls import QUEUED, AwaitableResult


def test_it_is_a_coroutine():
    assert isinstance(QUEUED, Coroutine)
    assert asyncio.iscoroutine(QUEUED)


def test_run():
    assert asyncio.run(QUEUED) is None
    assert asyncio.run(QUEUED) is None  # one object serves all calls


def test_await_gather_wait_for_and_tasks():
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


def test_from_another_thread():
    async def main():
        loop = asyncio.get_running_loop()
        results = []
        thread = threading.Thread(target=lambda: results.append(asyncio.run_coroutine_threadsafe(QUEUED, loop)))
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        assert await asyncio.wrap_future(results[0]) is None

    asyncio.run(main())


def test_by_hand():
    with pytest.raises(StopIteration):
        QUEUED.send(None)
    with pytest.raises(ValueError, match="thrown in"):
        QUEUED.throw(ValueError("thrown in"))
    with pytest.raises(ValueError, match="thrown in"):
        QUEUED.throw(ValueError, ValueError("thrown in"), None)
    with pytest.raises(KeyError):
        QUEUED.throw(KeyError)
    QUEUED.close()


def test_forgetting_it_warns_of_nothing(recwarn):
    AwaitableResult()
    assert not recwarn.list


def test_a_process_pool_can_send_it_back():
    assert pickle.loads(pickle.dumps(QUEUED)) is QUEUED
    assert copy.deepcopy(QUEUED) is QUEUED
