"""Implements `monty-mqtt thin`: leaves of old steps in InfluxDB the last of each minute.

Called by the command line, and each hour by `up --keep-steps-days`. In InfluxDB a retention holds for a whole bucket,
and Flux cannot delete. So Flux sets aside what stays, in another measurement; the day's points are deleted; and Flux
puts the others back. Every panel, variable and export finds them where the steps were. Interrupted anywhere, the next
time completes it: what is set aside is removed last.
"""

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Set, Tuple

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.repeating_task import RepeatingTask
from monty_mqtt_stack.services.influxdb import InfluxDB, delete_points, query, run_flux, write_points

__all__ = ["StepThinning", "command", "thin"]

_ADMIN_TOKEN = "influxdb_admin_token"  # noqa: S105 - the name of its file
_MEASUREMENTS = ("evidence", "step")
"""In this order: what is set aside of `step` says that a day is not done."""
_ASIDE = "aside_"
_DONE = "thinned"
"""Measurement with a point for each day that was thinned out: the steps that it had then."""
_DAY_SECS = 86_400
_FIRST_SECS, _EVERY_SECS, _STOP_SECS = 10.0, 3600.0, 10.0
_COPY = """
from(bucket: "monty")
  |> range(start: {start}, stop: {end})
  |> filter(fn: (r) => r._measurement == "{source}")
  {keep}
  |> set(key: "_measurement", value: "{target}")
  |> to(bucket: "monty")
  |> keep(columns: ["_field"])
  |> group()
  |> count(column: "_field")
  |> rename(columns: {{_field: "count"}})
"""
_LAST_OF_EACH_MINUTE = "|> window(every: 1m) |> last()"


class StepThinning(RepeatingTask):
    """Thins old steps out in a thread, from `__enter__` to `__exit__`.

    Args:
        state: State directory with the administrator's token.
        influxdb: The InfluxDB that keeps the history.
        keep_days: Number of days for which every step is kept.
        say: Receives a line for each day that was thinned out; called from the thread.
    """

    def __init__(self, state: StateDir, influxdb: InfluxDB, keep_days: int, say: Callable[[str], None]) -> None:
        super().__init__("thinning", every_secs=_FIRST_SECS, stop_secs=_STOP_SECS)
        self._state, self._influxdb, self._keep_days, self._say = state, influxdb, keep_days, say

    def turn(self) -> None:
        """Thin out what has become too old."""
        self._every_secs = _EVERY_SECS
        try:
            for line in thin(self._state, self._influxdb, self._keep_days):
                self._say(line)
                if self._stop.is_set():
                    return
        except ServiceError as error:
            self._say(f"old steps: {error}; trying again in an hour")


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt thin`; return the exit code.

    Raises:
        ServiceError: There is no InfluxDB, or it does not answer or refuses.
    """
    state = StateDir(options.state_dir)
    far_side = state.read_far_side()
    if far_side is None or not far_side.influxdb_url:
        raise ServiceError("no InfluxDB runs here: start `monty-mqtt up` first")
    for line in thin(state, InfluxDB(far_side.influxdb_url, far_side.influxdb_org), options.keep_steps_days):
        print(line, flush=True)  # noqa: T201 - a command's output
    return 0


def thin(state: StateDir, influxdb: InfluxDB, keep_days: int) -> Iterator[str]:
    """Thin out each day that ended `keep_days` ago or earlier and has changed since; yield a line after each.

    Raises:
        ServiceError: InfluxDB does not answer or refuses, or another process is thinning out.
    """
    token = (state.secrets / _ADMIN_TOKEN).read_text().strip()
    before = (int(time.time()) // _DAY_SECS - keep_days) * _DAY_SECS
    with _alone(state):
        days = _Days(influxdb, token)
        for day in days.to_do(before):
            had, has = days.thin(day)
            yield f"steps of {_date(day)}: {had:,} points thinned out to {has:,}"


class _Days:
    """Thins out days; a day is the second at which it begins, since 1970 in UTC."""

    def __init__(self, influxdb: InfluxDB, token: str) -> None:
        self._influxdb, self._token = influxdb, token

    def to_do(self, before: int) -> List[int]:
        """Return the days before a time that have steps as they never were after thinning out, or are half done."""
        counts = self._counts("step", 0, before)
        done = self._numbers(f'SELECT "steps" FROM "{_DONE}"')  # noqa: S608 - constants
        changed = {day for day, count in counts.items() if done.get(day) != count}
        unfinished: Set[int] = set(self._counts(_ASIDE + "step", 0, before))
        return sorted(changed | unfinished)

    def thin(self, day: int) -> Tuple[int, int]:
        """Thin out a day; return how many points of steps it had before and has now."""
        had = self._steps(day)
        for measurement in _MEASUREMENTS:
            kept = self._copy(day, measurement, _ASIDE + measurement, _LAST_OF_EACH_MINUTE)
            if measurement == "step" and had and not kept:
                raise ServiceError(f"nothing could be set aside of the steps of {_date(day)}; none are deleted")
        for measurement in _MEASUREMENTS:
            self._delete(day, measurement)
        for measurement in _MEASUREMENTS:
            self._copy(day, _ASIDE + measurement, measurement)
        has = self._steps(day)
        write_points(self._influxdb, self._token, f"{_DONE} steps={has}i {day}000000000")
        for measurement in _MEASUREMENTS:
            self._delete(day, _ASIDE + measurement)
        return had, has

    def _copy(self, day: int, source: str, target: str, keep: str = "") -> int:
        start, end = _utc(day), _utc(day + _DAY_SECS)
        script = _COPY.format(start=start, end=end, source=source, target=target, keep=keep)
        return run_flux(self._influxdb, self._token, script)

    def _delete(self, day: int, measurement: str) -> None:
        delete_points(self._influxdb, self._token, measurement, (_utc(day), f"{_date(day)}T23:59:59.999999999Z"))

    def _steps(self, day: int) -> int:
        return self._counts("step", day, day + _DAY_SECS).get(day, 0)

    def _counts(self, measurement: str, start: int, end: int) -> Dict[int, int]:
        """Return how many steps each day has; both the experiment's points and those of each module are counted."""
        counted = f'SELECT count("step") FROM "{measurement}"'  # noqa: S608 - a constant
        return self._numbers(f"{counted} WHERE time >= {start}s AND time < {end}s GROUP BY time(1d) fill(none)")

    def _numbers(self, influxql: str) -> Dict[int, int]:
        found = query(self._influxdb.url, self._token, influxql)
        return {row[0] // 10**9: row[1] for series in found for row in series.rows}


@contextmanager
def _alone(state: StateDir) -> Iterator[None]:
    with (state.path / "thinning.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError("old steps are being thinned out already") from None
        yield


def _utc(secs: int) -> str:
    return dt.datetime.fromtimestamp(secs, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(secs: int) -> str:
    return _utc(secs)[:10]
