"""What a worker's process and its host use is read truly, in a thread that nothing waits for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
from msgspec import structs

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.monitor import machine
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.machine import MachineReports, MachineUse
from monty_mqtt.wire import schema

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def read(use):
    """What is told, by name."""
    pieces = use.fields().values()
    values = {name: value for piece in pieces for name, value in structs.asdict(piece).items()}
    return {name: value for name, value in values.items() if value is not None}


def burn(secs):
    end = time.process_time() + secs
    while time.process_time() < end:
        pass


@LINUX_ONLY
def test_what_it_says_is_what_psutil_says(tmp_path):
    ballast = bytearray(os.urandom(1 << 20) * 64)
    use = MachineUse(str(tmp_path))
    idle = threading.Event()
    more = [threading.Thread(target=idle.wait) for _ in range(3)]
    for thread in more:
        thread.start()
    fields, process = read(use), psutil.Process()
    assert fields["threads"] == process.num_threads()
    assert fields["memory_bytes"] == pytest.approx(process.memory_info().rss, rel=0.05)
    assert fields["memory_bytes"] > len(ballast)
    assert fields["load"] == pytest.approx(psutil.getloadavg()[0], abs=1.0)
    assert fields["cpus"] == psutil.cpu_count()
    assert fields["disk_total_bytes"] == psutil.disk_usage(str(tmp_path)).total
    assert fields["disk_free_bytes"] == pytest.approx(psutil.disk_usage(str(tmp_path)).free, rel=0.05)
    schema.Machine(run="r", worker="w", seq=0, time_unix_nanos=1, **use.fields())
    idle.set()
    for thread in more:
        thread.join()


def test_the_processors_time_is_that_since_the_last_call():
    use = MachineUse(".")
    began = time.monotonic()
    burn(0.2)
    busy, secs = read(use)["cpu_percent"], time.monotonic() - began
    assert busy == pytest.approx(100 * 0.2 / secs, rel=0.3)
    threading.Event().wait(0.2)
    assert read(use)["cpu_percent"] < busy / 2


def test_what_this_system_does_not_tell_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_OF_PROCESS", str(tmp_path / "no proc, as on macOS"))
    monkeypatch.delattr(os, "getloadavg")
    assert set(read(MachineUse(str(tmp_path / "gone")))) == {"cpu_percent"}


@pytest.mark.parametrize("content", [b"", b"7 (a) b", b"7 (a) " + b"x " * 40])
def test_what_the_system_tells_in_another_form_is_left_out(tmp_path, monkeypatch, content):
    (tmp_path / "stat").write_bytes(content)
    monkeypatch.setattr(machine, "_OF_PROCESS", str(tmp_path / "stat"))
    assert "threads" not in read(MachineUse("."))


@LINUX_ONLY
def test_a_program_with_a_strange_name_is_read_all_the_same(tmp_path, monkeypatch):
    words = b" ".join(b"%d" % number for number in range(4, 53))
    (tmp_path / "stat").write_bytes(b"7 (a) b) (c 9) S " + words)
    monkeypatch.setattr(machine, "_OF_PROCESS", str(tmp_path / "stat"))
    fields = read(MachineUse("."))
    assert (fields["threads"], fields["memory_bytes"]) == (20, 24 * os.sysconf("SC_PAGE_SIZE"))


def test_it_imports_neither_pytorch_nor_anything_else():
    program = (
        "import sys; from monty_mqtt.monitor.machine import MachineUse; use = MachineUse('.'); "
        "before = set(sys.modules); use.fields(); print(sorted(set(sys.modules) - before), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[] False"


def cuda(**more):
    """A stand-in for PyTorch with two GPUs, which this machine does not have."""
    known = {"is_initialized": lambda: True, "device_count": lambda: 2, "memory_reserved": lambda gpu: 1000 + gpu}
    return SimpleNamespace(cuda=SimpleNamespace(**{**known, **more}))


@pytest.mark.parametrize(
    ("torch", "told"),
    [
        (cuda(utilization=lambda gpu: 20 + 40 * gpu), {"gpu_memory_bytes": 2001, "gpu_percent": 40.0}),
        (cuda(), {"gpu_memory_bytes": 2001}),
        (cuda(is_initialized=lambda: False), {}),
        (cuda(device_count=lambda: 0, utilization=int), {"gpu_memory_bytes": 0}),
        (SimpleNamespace(), {}),  # in the middle of its import
    ],
)
def test_gpus_are_told_where_pytorch_is_loaded_and_uses_them(monkeypatch, torch, told):
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert {name: value for name, value in read(MachineUse(".")).items() if name.startswith("gpu")} == told


def test_where_nvml_does_not_answer_only_the_use_is_left_out(monkeypatch):
    def no_nvml(_gpu):
        raise ModuleNotFoundError("pynvml")

    monkeypatch.setitem(sys.modules, "torch", cuda(utilization=no_nvml))
    fields = read(MachineUse("."))
    assert fields["gpu_memory_bytes"] == 2001
    assert "gpu_percent" not in fields


@pytest.fixture
def reports(router, monkeypatch):
    monkeypatch.setattr(machine, "_EVERY_SECS", 0.05)
    with ZmqBroadcaster(run_id="run", zmq_port=router.port, strict=True) as broadcaster:
        made = MachineReports(broadcaster, ErrorGuard(strict=True), ".")
        yield made
        made.stop()


def told(router):
    return [message for message in router.messages("run") if isinstance(message, schema.Machine)]


def test_it_reports_again_and_again_until_it_is_stopped(router, reports):
    reports.start()
    assert router.wait(lambda: len(told(router)) >= 3)
    reports.stop()
    reports.stop()
    assert not reports._thread.is_alive()
    assert told(router)[-1].host.cpus == os.cpu_count()


def test_a_disk_that_hangs_holds_up_neither_the_experiment_nor_its_end(router, reports, monkeypatch):
    hanging, released = threading.Event(), threading.Event()

    def hang(_directory):
        hanging.set()
        released.wait(30)
        raise OSError

    monkeypatch.setattr(machine.shutil, "disk_usage", hang)
    monkeypatch.setattr(machine, "_STOP_SECS", 0.1)
    reports.start()
    assert hanging.wait(10)
    began = time.monotonic()
    reports.stop()
    assert time.monotonic() - began < 5
    released.set()
    reports._thread.join(10)
    assert told(router) == []


def test_a_broadcaster_that_is_switched_off_has_no_thread():
    with ZmqBroadcaster(run_id="run", enabled=False) as broadcaster:
        reports = MachineReports(broadcaster, ErrorGuard(), ".")
        reports.start()
        assert not reports._thread.is_alive()
        reports.stop()
