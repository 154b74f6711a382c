"""Replays a recording as if it happened now: with new run ids, new times, and the original rhythm.

Called by `commands.replay`; reads with `part_files` and hands to `stage`, which has one broadcaster per worker. The
bridge and everything after it treat the replay as a live run.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_stack.replay.stage import ReplayClock, ReplayPosition, ReplayReport, ReplayStage

__all__ = ["ReplayOverview", "ReplayPosition", "ReplayReport", "overview", "replay"]

_NANOS = 1e9
_POLL_SECS = 0.05


class ReplayOverview(msgspec.Struct, frozen=True, kw_only=True):
    """Describes what a recording contains.

    Attributes:
        runs: Ids of its runs, in the order in which they begin.
        messages: Number of messages.
        duration_secs: Seconds from the first to the last message, pauses in full.
        playing_secs: The same with pauses cut to the longest allowed one: the length of a replay at speed 1.
    """

    runs: list[str]
    messages: int
    duration_secs: float
    playing_secs: float


def overview(path: Path, *, longest_pause_secs: float | None = None) -> ReplayOverview:
    """Return what a recording contains.

    Raises:
        ConfigError: There is no such file, or it is not a recording of monty-mqtt.
    """
    runs: dict[str, None] = {}
    clock = ReplayClock(1.0, longest_pause_secs)
    times: list[int] = []
    for entry in Recording(path).entries():
        runs.setdefault(topics.parse(entry.topic).run)
        times.append(entry.time_unix_nanos)
        clock.advance(entry.time_unix_nanos)
    if not times:
        raise _nothing_in(path)
    duration_secs = (times[-1] - times[0]) / _NANOS
    return ReplayOverview(
        runs=list(runs), messages=len(times), duration_secs=duration_secs, playing_secs=clock.playing_secs
    )


def replay(
    *paths: Path,
    bridge: BridgeAddress,
    speed: float = 1.0,
    longest_pause_secs: float | None = None,
    on_progress: Callable[[ReplayPosition], None] | None = None,
    stop: threading.Event | None = None,
    ending: str = "",
) -> ReplayReport:
    """Publish a recording as new runs, now; `restore_recording` restores runs with their own ids.

    Statuses, outcomes, counts and last values are those of the original; run ids, seqs and times are new.

    Args:
        paths: The recording: a file, a directory of parts, or parts.
        bridge: Where the bridge is.
        speed: 2 plays twice as fast, 0 as fast as the bridge accepts messages.
        longest_pause_secs: Pauses of the recording are cut to this, in seconds; None keeps them.
        on_progress: Called after each message.
        stop: An event to set to stop the replay: the runs then end as `aborted`.
        ending: End of the new ids; if empty, the time at which each run begins, and 4 hex digits.

    Raises:
        ConfigError: The file is not a recording of monty-mqtt, or a setting is out of range.
        ServiceError: There is no bridge, or it has been away for too long.
    """
    if not 0 <= speed < float("inf"):
        raise ConfigError("speed", speed, "0 (as fast as possible) or more")
    stop = stop or threading.Event()
    clock = ReplayClock(speed, longest_pause_secs)
    with ReplayStage(bridge, clock, stop, ending) as stage:
        recording = Recording(*paths)
        for entry in recording.entries():
            if stage.is_over(entry):
                clock.skip(entry.time_unix_nanos)
                continue
            clock.advance(entry.time_unix_nanos)
            if not _wait_until_due(clock, stage, stop):
                break
            position = stage.publish(entry)
            if on_progress and position:
                on_progress(position)
        if not stage.runs:
            raise _nothing_in(*paths)
        stage.close(was_stopped=stop.is_set())
        done = stage.result(was_stopped=stop.is_set())
        return msgspec.structs.replace(done, damages=recording.damages, begun=recording.begun)


def _wait_until_due(clock: ReplayClock, stage: ReplayStage, stop: threading.Event) -> bool:
    """Wait until the next message is due; return False if the replay should stop."""
    while not stop.is_set() and (remaining_secs := clock.remaining_secs()) > 0:
        stage.pump()
        stop.wait(min(remaining_secs, _POLL_SECS))
    return not stop.is_set()


def _nothing_in(*paths: Path) -> ConfigError:
    return ConfigError(
        "recording", ", ".join(map(str, paths)), "a recording of monty-mqtt; there is no message of a run in it"
    )
