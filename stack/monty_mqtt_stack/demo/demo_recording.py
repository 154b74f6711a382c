"""Makes the committed recording of the demo again: `python -m monty_mqtt_stack.demo.demo_recording`.

Runs both demo experiments with a real broker and bridge and records them into `conf/recordings/demo.mcap`, which
`MONTY=0 make run` plays. It needs Monty, MuJoCo and 5 minutes. The file contains everything except some of the images
and hypothesis clouds, and what `scrubbing` removes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.errors import MontyMqttError, ServiceError
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.run_id import new_run_id
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.recordings.mcap_file import Reader, RecordingWriter
from monty_mqtt_core.recordings.record import RecordingReport, record
from monty_mqtt_core.recordings.selection import Selection, Thinning
from monty_mqtt_stack.demo.scrubbing import scrubbed
from monty_mqtt_stack.services.mosquitto import Mosquitto
from monty_mqtt_stack.watch.watched_experiment import experiment_argv

__all__ = ["EXPERIMENTS", "LARGEST_BYTES", "main", "make", "pack", "recording_path", "replay_argv"]

EXPERIMENTS = ("monty_mqtt_demo_learn", "monty_mqtt_demo_recognise")
LARGEST_BYTES = 2_000_000
"""Limit, because the file is in every checkout and every wheel."""

_THINNING = Thinning(colour_interval_secs=4.0, depth_interval_secs=12.0, hypotheses_interval_secs=16.0)
_CHUNK_BYTES = 4 << 20
"""Larger than while recording: no data can be lost here, and larger chunks compress better."""

_REPLAY_SECS = 90.0
_LONGEST_PAUSE_SECS = 1.0
_EXPERIMENT_SECS = 1800.0
_LISTENING_SECS = 10.0
_LOG_LINES = 15


def recording_path() -> Path:
    """Return the path of the recording: in the checkout's `conf`, or in the wheel's.

    Raises:
        ServiceError: There is no `conf`; the installation is broken.
    """
    return conf_dir() / "recordings" / "demo.mcap"


def replay_argv(bridge: BridgeAddress, ending: str) -> list[str]:
    """Return the command that plays the recording to a bridge, within a pleasant time to watch.

    Args:
        bridge: Where the bridge is; one that does not encrypt.
        ending: End of the ids of the new runs.

    Raises:
        ServiceError: There is no `conf`; the installation is broken.
    """
    return [
        *(sys.executable, "-m", "monty_mqtt_stack.commands.replay", str(recording_path())),
        *("--zmq-host", bridge.host, "--zmq-port", str(bridge.port), "--ending", ending),
        *("--duration-secs", f"{_REPLAY_SECS:g}", "--longest-pause-secs", f"{_LONGEST_PAUSE_SECS:g}"),
    ]


def make(path: Path) -> RecordingReport:
    """Run the demo and record it into `path`.

    Raises:
        ServiceError: An experiment failed, or the file became larger than `LARGEST_BYTES`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker, bridge = stack.enter_context(_far_side(scratch / "state"))
        with _recorder(broker, scratch / "all.mcap") as results:
            for name in EXPERIMENTS:
                _run(name, bridge, scratch)
        (recorded,) = results
        return pack(recorded.path, path)


def pack(source: Path, path: Path) -> RecordingReport:
    """Write a recording again: thinned, without private details, in order of time.

    Raises:
        ServiceError: The new file is larger than `LARGEST_BYTES`.
    """
    intake = Selection(thinning=_THINNING, transform=scrubbed)
    packed = source.with_name("packed.mcap")
    with RecordingWriter(packed, chunk_bytes=_CHUNK_BYTES) as writer:
        for entry in Reader(source).entries():
            for thinned in intake.take(entry.topic, entry.payload):
                writer.write(thinned)
    size = packed.stat().st_size
    if size > LARGEST_BYTES:
        raise ServiceError(f"{packed} has {size} bytes; at most {LARGEST_BYTES} may be committed: thin it more")
    shutil.copyfile(packed, path)
    return RecordingReport(
        path=path,
        runs=intake.runs,
        counts=intake.counts,
        missing=intake.missing,
        size_bytes=size,
        has_ended=intake.has_ended,
    )


@contextmanager
def _far_side(state: Path) -> Iterator[tuple[Mosquitto, Bridge]]:
    with Mosquitto(state) as broker:
        config = BridgeConfig(
            bridge_id="bridge",
            zmq_port=0,
            mqtt_host=broker.host,
            mqtt_port=broker.port,
            mqtt_username="bridge",
            mqtt_password_file=str(broker.password_file("bridge")),
        )
        with Bridge(config) as bridge:
            yield broker, bridge


@contextmanager
def _recorder(broker: Mosquitto, path: Path) -> Iterator[list[RecordingReport]]:
    """Record in a thread until the end of the block; the list then has the result, or is empty if recording failed."""
    results: list[RecordingReport] = []
    listening, until = threading.Event(), threading.Event()

    def listen() -> None:
        where = BrokerAddress(broker.host, broker.port)
        results.append(record(where, path, until=until, ends_with_runs=False, on_listening=listening.set))

    thread = threading.Thread(target=listen, name="recorder")
    thread.start()
    try:
        if not listening.wait(_LISTENING_SECS):
            raise ServiceError("the recorder does not listen")
        yield results
    finally:
        until.set()
        thread.join()


def _run(name: str, bridge: Bridge, scratch: Path) -> None:
    environment = {
        **os.environ,
        "WANDB_MODE": "disabled",
        "MONTY_MQTT_ZMQ_HOST": "127.0.0.1",
        "MONTY_MQTT_ZMQ_PORT": str(bridge.zmq_port),
        "MONTY_MQTT_RUN": new_run_id(name),
    }
    for variable in ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"):
        directory = scratch / variable.lower()
        directory.mkdir(exist_ok=True)
        environment[variable] = str(directory)
    log_file = scratch / f"{name}.log"
    with log_file.open("wb") as log:
        done = subprocess.run(  # noqa: S603 - our own command line
            experiment_argv([f"experiment={name}"]),
            env=environment,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=_EXPERIMENT_SECS,
            check=False,
        )
    if done.returncode:
        last = "\n".join(log_file.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:])
        raise ServiceError(f"{name} ended with exit code {done.returncode}; the end of its output:\n{last}")


def main(argv: list[str] | None = None) -> int:
    """Make the recording; return the exit code."""
    parser = argparse.ArgumentParser(description="Run the demo on real Monty and record it.")
    parser.add_argument("path", nargs="?", type=Path, default=recording_path(), help="default: %(default)s")
    recorded = make(parser.parse_args(argv).path)
    counts = f"{recorded.size_bytes} bytes, {recorded.counts}, {recorded.missing} missing"
    print(f"{recorded.path}: {counts}, runs {', '.join(recorded.runs)}")  # noqa: T201 - output
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MontyMqttError as error:
        sys.exit(f"monty-mqtt: {error}")
