"""Build Telegraf and influxd into the user's cache if they are not installed. Standard library only.

usage: python3 tools/services.py [--if-possible]

Both come from the Go module registry, and every module is checked against its hash. Telegraf needs Go (1 to 2 minutes
on 2 cores), influxd Go, Rust and a C compiler (5 to 10 minutes). Built programs stay in ~/.cache/monty-mqtt, or
MONTY_MQTT_CACHE_DIR. With --if-possible a missing build tool is not a failure, unless CI=true.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "stack"))

from monty_mqtt_stack.processes import programs  # noqa: E402

BUILD_SECS = 1800
SAY_SECS = 30
NICE = ["nice", "-n", "10"] if shutil.which("nice") else []
TELEGRAF_PLUGINS = (
    "inputs.internal", "inputs.mqtt_consumer", "outputs.health", "outputs.influxdb_v2", "parsers.influx",
    "parsers.value", "secretstores.docker",
)  # fmt: skip
"""Plugins that conf/telegraf/telegraf.conf uses; a test compares the two."""


def main(arguments: list[str]) -> int:
    """Build the missing programs; return the exit code."""
    missing = [name for name in NEEDS if programs.find(name).path is None]
    buildable = [name for name in missing if not lacks(name)]
    if buildable and not build_all(buildable):
        return 1
    may_lack = "--if-possible" in arguments and os.environ.get("CI") != "true"
    return 0 if may_lack or buildable == missing else 1


def build_all(names: list[str]) -> bool:
    """Build programs, one after the other; return whether all succeeded."""
    with locked(programs.cached(names[0]).parent.parent):
        return all(build(name) for name in names)


def lacks(name: str) -> bool:
    """Return whether a tool that the build needs is missing, and print which."""
    tools = [tool for tool in NEEDS[name] if not shutil.which(tool)]
    if tools:
        print(f"make: {name} is not installed, and cannot be built without {', '.join(tools)}", flush=True)
    return bool(tools)


def build(name: str) -> bool:
    """Build a program, and put it into the cache when it is complete; return whether that succeeded."""
    target = programs.cached(name)
    if target.exists():  # another build, which had the lock, made it
        return True
    print(f"make: building {name} {programs.PROGRAMS[name].tested}, once, into {target.parent}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix=".build-") as scratch:
        for command, environment, folder in STEPS[name](Path(scratch)):
            if not run(command, {**os.environ, **environment}, folder, name):
                return False
        target.parent.mkdir(exist_ok=True)
        Path(scratch, name).replace(target)
    print(f"make: built {name} in {time.monotonic() - started:.0f} s", flush=True)
    return True


def run(command: list[str], environment: dict[str, str], folder: Path, name: str) -> bool:
    """Run one step within its time limit, print its progress, and the end of its output if it fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*NICE, *command],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        try:
            while not ended(process) and time.monotonic() - started < BUILD_SECS:
                print(f"make: building {name}: {time.monotonic() - started:.0f} s", flush=True)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
        log.seek(0)
        words = log.read().splitlines()
    if process.returncode:
        print(
            *words[-20:], f"make: failed with exit code {process.returncode}: {' '.join(command)}", sep="\n", flush=True
        )
    return process.returncode == 0


def ended(process: subprocess.Popen[str]) -> bool:
    """Wait for a moment; return whether the process has ended."""
    try:
        process.wait(SAY_SECS)
    except subprocess.TimeoutExpired:
        return False
    return True


def telegraf(scratch: Path) -> list[tuple[list[str], dict[str, str], Path]]:
    """Return Telegraf's steps: command, environment, folder. With only our plugins, it takes a fifth of the time."""
    version = programs.PROGRAMS["telegraf"].tested
    flags = f"-s -w -X github.com/influxdata/telegraf/internal.Version={version}"
    tags = ",".join(("custom", *TELEGRAF_PLUGINS))
    package = f"github.com/influxdata/telegraf/cmd/telegraf@v{version}"
    command = ["go", "install", "-trimpath", "-ldflags", flags, "-tags", tags, package]
    return [(command, {"CGO_ENABLED": "0", "GOBIN": str(scratch)}, scratch)]


def influxd(scratch: Path) -> list[tuple[list[str], dict[str, str], Path]]:
    """Return influxd's steps. Its Flux engine is Rust, and found through a pkg-config of InfluxData's own."""
    version = programs.PROGRAMS["influxd"].tested
    flags = f"-s -w -X main.version=v{version} -X main.date=2026-01-01T00:00:00Z"
    pkg_config = ["go", "install", "github.com/influxdata/pkg-config@v0.3.0"]
    package = "github.com/influxdata/influxdb/v2/cmd/influxd"
    command = ["go", "build", "-trimpath", "-tags", "sqlite_foreign_keys,sqlite_json", "-ldflags", flags]
    environment = {
        "CGO_ENABLED": "1",
        "PKG_CONFIG": str(scratch / "pkg-config"),
        "RUSTFLAGS": "--cap-lints warn",
        **rust_toolchain(),
    }
    return [
        (pkg_config, {"GOBIN": str(scratch)}, scratch),
        ([*command, "-o", str(scratch / "influxd"), package], environment, ROOT / "tools" / "influxd"),
    ]


def rust_toolchain() -> dict[str, str]:
    """Return the variables that make rustup use the installed toolchain instead of the older one that Flux names."""
    if not shutil.which("rustup") or "RUSTUP_TOOLCHAIN" in os.environ:
        return {}
    shown = subprocess.run(["rustup", "show", "active-toolchain"], capture_output=True, text=True, check=False)
    return {"RUSTUP_TOOLCHAIN": shown.stdout.split()[0]} if shown.stdout else {}


class locked:  # noqa: N801 - reads as a word
    """Locked holds the cache's lock: two builds at once would each take twice as long."""

    def __init__(self, cache: Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self._file = (cache / ".lock").open("ab")

    def __enter__(self) -> None:
        """Wait for another build."""
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        """Release the lock for the next build."""
        self._file.close()


STEPS = {"telegraf": telegraf, "influxd": influxd}
NEEDS = {"telegraf": ["go"], "influxd": ["go", "cargo", "cc"]}

if __name__ == "__main__":
    if not set(sys.argv[1:]) <= {"--if-possible"}:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
