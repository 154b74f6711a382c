"""Runs the containers of compose.yaml without Docker: with the same program, user, rights, mounts and environment.

Each service runs in namespaces of its own: a read-only tree of this machine's programs, the mounts of compose.yaml, its
user, only the capabilities that it is given. All share one network with nothing else on it, where the services reach
each other by name. One thing differs from Docker: the programs are this machine's, not the images'.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from kit.machine.compose_project import ROOT, stages
from kit.machine.missing import is_missing

from monty_mqtt_stack.processes import programs

COMMANDS = {
    "influxdb": ["influxd"],
    "mosquitto": ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"],
    "telegraf": ["telegraf"],
    "bridge": ["monty-mqtt-bridge"],
    "liveview": ["monty-mqtt-liveview"],
    "tls": ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
}
"""Commands that the images start."""
STOP_SECS = 30
STOP_SIGNALS = {"tls": "USR1"}
"""Stop signals other than TERM."""
OWNED = {
    "mosquitto": ["mosquitto"],
    "influxdb": ["influxdb", "influxdb_config"],
    "bridge": ["journal"],
    "liveview": ["recordings"],
    "cli": ["state"],
}
"""Volumes that belong to the user of a new container, because the directory in the image does."""
_PATH = (
    "/opt/bridge/bin:/opt/liveview/bin:/opt/stack/bin:/mnt/telegraf:/mnt/influxd:/usr/local/bin:/usr/bin:/usr/sbin:/bin"
)
LOOPBACK_UP = (
    "import fcntl, socket, struct; s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack('16sH22x', b'lo', 1))"
)
DIES_WITH_US = ["setpriv", "--pdeathsig=KILL"]
"""Ends the program with a killed test, so that it leaves nothing running; must be repeated after a change of user."""
TREE = """
root=/mnt && mount -t tmpfs -o mode=755 tmpfs "$root"
for name in /usr /bin /sbin /lib /lib64; do
  if [ -L $name ]; then cp -a $name "$root$name"
  elif [ -d $name ]; then mkdir "$root$name"; mount --bind $name "$root$name"; mount -o remount,ro,bind "$root$name"; fi
done
cp -a /etc "$root/etc" && mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/mnt"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/usr/local/etc"
bind() {  # source target [ro]
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")"; [ -e "$root$2" ] || : > "$root$2"; fi
  mount --bind "$1" "$root$2"; [ -z "$3" ] || mount -o remount,ro,bind "$root$2"
}
"""


def need(*names: str) -> None:
    """Skip the test if a program or the right to make namespaces is missing; under CI fail."""
    missing = [name for name in names if not find(name)]
    if (
        os.geteuid() != 0
        or subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False).returncode
    ):
        missing.append("root's right to make namespaces")
    if missing:
        is_missing(f"not run: no {', no '.join(missing)}")


def find(name: str) -> str | None:
    """Return the path of a program, built by `make services` or installed; None if it is missing."""
    built = programs.cached(name) if name in programs.PROGRAMS else None
    return str(built) if built and built.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


class Containers:
    """Runs the services of a project, each in its namespaces.

    Args:
        services: Resolved services, by name.
        where: Directory for the named volumes and the logs.
        builds: Directory into which `build` has built the images' environments.
    """

    def __init__(self, services: dict[str, Any], where: Path, builds: Path) -> None:
        self.services = services
        self.builds = builds
        self._where = where
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        code = f"{LOOPBACK_UP}; print(flush=True); input()"
        self._network = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._network.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.stop(name)
        self._network.communicate(b"\n", timeout=10)

    def volume(self, name: str) -> Path:
        """Return the directory of a named volume, made as Docker makes it on first use."""
        path = self._where / "volumes" / name
        if not path.exists():
            path.mkdir(parents=True)
            owner = next((service for service, names in OWNED.items() if name in names), None)
            if owner:
                os.chown(path, *map(int, self.services[owner]["user"].split(":")))
            path.chmod(0o755)
        return path

    def log(self, name: str) -> str:
        """Return the output of a service."""
        return (self._where / f"{name}.log").read_text(errors="replace")

    def start(self, name: str) -> None:
        """Start a service with compose.yaml's command, or else its image's."""
        command = self.services[name].get("command") or COMMANDS[name]
        with (self._where / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self._contained(name, command), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def stop(self, name: str) -> int:
        """Stop a service as Docker does; return its exit code."""
        process = self.running.pop(name)
        if process.poll() is None:
            subprocess.run(
                ["kill", f"-{STOP_SIGNALS.get(name, 'TERM')}", str(self.pid_of(name, process))],
                check=False,
                capture_output=True,
            )
        try:
            return process.wait(STOP_SECS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def run(self, name: str, *words: str, entrypoint: Any = None, **options: Any) -> subprocess.CompletedProcess[Any]:
        """Run a one-shot service to its end, with `words` in place of compose.yaml's command if they are given."""
        service = self.services[name]
        command = [*(entrypoint or service.get("entrypoint") or ()), *(words or service.get("command") or ())]
        given = {"capture_output": True, "text": True, "timeout": 120, **options}
        return subprocess.run(self._contained(name, command), check=False, **given)

    def is_healthy(self, name: str, programs_first: str = "") -> bool:
        """Run a service's health check in its container, as Docker does; return whether it passes."""
        check = self.services[name]["healthcheck"]
        kind, *words = check["test"]
        command = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        try:
            enter = ["nsenter", f"--target={self.pid_of(name)}", "--mount", "--net", "--pid", "--root", "--wd=/"]
            command = [*enter, *self._as_user(name, command, programs_first)]
            done = subprocess.run(command, capture_output=True, timeout=int(check["timeout"].rstrip("s")), check=False)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a service."""
        os.kill(self.pid_of(name), number)

    def wait_unhealthy(self, name: str, secs: float = 30) -> None:
        """Wait until a service's health check fails."""
        deadline = time.monotonic() + secs
        while self.is_healthy(name):
            assert time.monotonic() < deadline, self.log(name)[-3000:]

    def wait_healthy(self, name: str, secs: float = 60) -> None:
        """Wait until a service is healthy."""
        deadline = time.monotonic() + secs
        while not self.is_healthy(name):
            assert self.running[name].poll() is None, self.log(name)[-3000:]
            assert time.monotonic() < deadline, self.log(name)[-3000:]

    def in_network(self, *command: str) -> list[str]:
        """Return the command line that runs a command in the services' network."""
        return ["nsenter", f"--net=/proc/{self._network.pid}/ns/net", *command]

    def pid_of(self, name: str, process: subprocess.Popen[bytes] | None = None) -> int:
        """Return a service's process id, on this machine."""
        process = process or self.running[name]
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            if children:
                return int(children[0])
        raise ProcessLookupError(f"{name} does not run: {self.log(name)[-3000:]}")

    def build(self) -> None:
        """Run every COPY and RUN of the Dockerfile's stages on this machine; each target has its folder in `opt`."""
        for folder in ("src", "opt", "wheels"):
            (self.builds / folder).mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--copies", str(self.builds / "python")], check=True)
        for stage in stages().values():
            for word, rest in stage.instructions:
                if word == "COPY" and not rest.startswith("--from="):
                    self._copy(rest)
                elif word == "RUN":
                    self._run(re.sub(r"--mount=\S+", "", rest))

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        for source in sources:
            to = self.builds / "src" / target / (Path(source).name if target.endswith("/") else "")
            copy(ROOT / source, to)

    def _run(self, command: str) -> None:
        binds: list[Any] = [(self.builds / name, f"/{name}") for name in ("src", "opt", "wheels")]
        binds.append((self.builds / "python", self.builds / "python"))
        path = f"{self.builds}/python/bin:/usr/bin:/bin"
        script = self._script(binds, "", ["sh", "-ec", f"cd /src; export PATH={path}; {command}"])
        contained = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script]
        done = subprocess.run(contained, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"

    def _contained(self, name: str, command: list[str]) -> list[str]:
        service = self.services[name]
        binds: list[Any] = [*self._built(name), (self._busybox(), "/mnt/busybox", True)]
        lines = []
        for mount in service.get("volumes", ()):
            if mount["type"] == "tmpfs":
                lines.append(
                    f'mkdir -p "$root{mount["target"]}"; mount -t tmpfs -o mode=1777 tmpfs "$root{mount["target"]}"'
                )
            else:
                source = mount["source"] if mount["type"] == "bind" else self.volume(mount["source"])
                binds.append((Path(source), mount["target"], mount.get("read_only", False)))
        names = "".join(f"127.0.0.1 {one}\n" for one in ("localhost", *self.services))
        lines.append(f"printf %s {shlex.quote(names)} > $root/etc/hosts; mount -o remount,ro $root")
        script = self._script(binds, "\n".join(lines), self._as_user(name, command))
        entered = ["unshare", "--net"] if service.get("network_mode") == "none" else self.in_network()
        return [*DIES_WITH_US, *entered, "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script]

    def _built(self, name: str) -> list[tuple[Path, str, bool]]:
        """Return the mount of the environment in a service's image, if it is one of ours."""
        service = self.services[name]
        same = [one for one in self.services.values() if "build" in one and one.get("image") == service.get("image")]
        build = service.get("build") or (same[0]["build"] if same and "image" in service else None)
        return [(self.builds / "opt" / build["target"], f"/opt/{build['target']}", True)] if build else []

    def _script(self, binds: list[Any], lines: str, command: list[str]) -> str:
        interpreter = Path(sys.base_prefix)
        shown = [] if interpreter == Path("/usr") else [(interpreter, interpreter, True)]
        built = [(one, programs.cached(one)) for one in ("telegraf", "influxd")]
        shown += [(path.parent, f"/mnt/{one}", True) for one, path in built if path.exists()]
        calls = [
            f"bind {shlex.quote(str(source))} {shlex.quote(str(target))} {'ro' if rest and rest[0] else ''}"
            for source, target, *rest in (*shown, *binds)
        ]
        return "\n".join([TREE, *calls, lines, f'exec chroot "$root" {shlex.join(command)}'])

    def _busybox(self) -> Path:
        """Return a directory with BusyBox's programs, which images based on Alpine have."""
        folder = self._where / "busybox"
        if not folder.exists():
            folder.mkdir()
            for name in ("timeout", "wget"):
                (folder / name).symlink_to(find("busybox") or "/nonexistent")
        return folder

    def _as_user(self, name: str, command: list[str], programs_first: str = "") -> list[str]:
        service = self.services[name]
        user, group = service["user"].split(":")
        kept = ",".join(f"+{cap.lower()}" for cap in service.get("cap_add", ()))
        rights = [
            *DIES_WITH_US[1:],
            "--no-new-privs",
            "--inh-caps=-all",
            f"--bounding-set=-all{',' + kept if kept else ''}",
        ]
        locked = service.get("ulimits", {}).get("memlock")
        limits = ["prlimit", f"--memlock={locked}"] if locked else []
        variables = {
            "PATH": programs_first + _PATH,
            **service.get("environment", {}),
        }
        environment = [f"{key}={value}" for key, value in variables.items()]
        return [
            *limits, "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *rights,
            "env", "-i", *environment, *command,
        ]  # fmt: skip


def copy(source: Path, target: Path) -> None:
    """Copy as COPY does, without the files that .dockerignore excludes."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)
