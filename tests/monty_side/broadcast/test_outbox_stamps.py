"""Times that only go forward."""

from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.broadcast.outbox import Stamps

HOUR = 3600 * 10**9


def test_it_is_the_wall_clock():
    assert Stamps(wall=lambda: 1795428900123456789).take() == 1795428900123456789


def test_it_goes_on_at_its_own_speed_while_the_wall_clock_is_behind():
    clock = {"wall": 5 * HOUR, "tick": 0}
    stamps = Stamps(wall=lambda: clock["wall"], tick=lambda: clock["tick"])
    before = stamps.take()
    clock["wall"] -= HOUR  # somebody sets it back
    clock["tick"] += 40_000_000
    assert stamps.take() == before + 40_000_000
    clock["wall"] += 2 * HOUR
    assert stamps.take() == clock["wall"]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 10**9))))
def test_it_never_repeats_whatever_the_clock_does(moves):
    wall, tick = iter([wall for wall, _ in moves]), iter([tick for _, tick in moves])
    ticks = [0]

    def monotonic():
        ticks[0] += next(tick)
        return ticks[0]

    stamps = Stamps(wall=lambda: next(wall), tick=monotonic)
    taken = [stamps.take() for _ in moves]
    assert all(later > earlier for earlier, later in zip(taken, taken[1:]))
