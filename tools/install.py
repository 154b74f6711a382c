"""Install what `make run` and `make test` need into `.venv`, with Python's standard library only, as it runs first.

usage: python3 tools/install.py run|replay|docs|test

`run`     the services and Monty (an installed tbp-monty is used)
`replay`  the services alone, for the committed recording
`docs`    the tools that build the documentation
`test`    all of these, and the development tools
"""

from __future__ import annotations

import ctypes.util
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
EXTRAS = {"replay": ["server"], "run": ["server", "monty"], "docs": [], "test": ["server", "monty"]}
GROUPS = {"replay": [], "run": [], "docs": ["docs"], "test": ["dev", "bench", "docs"]}
SYSTEM = {
    "replay": ["mosquitto"],
    "run": ["mosquitto", "egl"],
    "docs": ["node"],
    "test": [
        "mosquitto",
        "egl",
        "node",
        "chromium",
        "haproxy",
        "busybox",
        "curl",
        "wget",
        "openssl",
        "systemd-analyze",
        "ip",
    ],
}
PACKAGES = {
    "mosquitto": ["mosquitto", "mosquitto-clients"],
    "egl": ["libegl1", "libgl1-mesa-dri"],
    "node": ["nodejs", "npm"],
    "systemd-analyze": ["systemd"],
    "ip": ["iproute2"],
    **{name: [name] for name in ("chromium", "haproxy", "busybox", "curl", "wget", "openssl")},
}
DOWNLOADS = {
    "replay": "about 60 MB",
    "run": "about 3.3 GB (6 GB on disk): Monty brings PyTorch with CUDA",
    "docs": "about 80 MB",
    "test": "about 3.6 GB (6 GB on disk): Monty brings PyTorch with CUDA",
}


def main(profile: str) -> int:
    """Install `profile`; return the exit code."""
    if sys.version_info < (3, 11):
        print(f"make: python3 is {sys.version.split()[0]}, the far side needs 3.11 or newer: make PYTHON=python3.12 …")
        return 2
    install_system_packages(SYSTEM[profile])
    stamp = VENV / f".installed-{profile}"
    if stamp.exists() and stamp.read_text() == fingerprint(profile):
        return 0
    installed = installed_monty() if "monty" in EXTRAS[profile] else None
    print(f"make: installing into .venv; downloads {'about 60 MB' if installed else DOWNLOADS[profile]}", flush=True)
    create_venv(installed)
    install(profile, installed)
    stamp.write_text(fingerprint(profile))
    return 0


def fingerprint(profile: str) -> str:
    """Return a digest of everything that must be unchanged for an earlier installation to be valid."""
    files = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(files + repr((EXTRAS[profile], GROUPS[profile], sys.version_info[:2])).encode()).hexdigest()


def installed_monty() -> str | None:
    """Return the site-packages folder of this Python if it contains tbp-monty."""
    code = "import sysconfig, importlib.metadata as m; m.version('tbp-monty'); print(sysconfig.get_path('purelib'))"
    if Path(sys.prefix).resolve() == VENV:
        return None
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None


def create_venv(installed: str | None) -> None:
    """Create `.venv`; if Monty is installed already, let `.venv` see its packages."""
    if not VENV_PYTHON.exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        except subprocess.CalledProcessError:
            sys.exit("make: python3 cannot make virtual environments; on Debian: sudo apt-get install -y python3-venv")
    if installed:
        print(f"make: using the tbp-monty in {installed}")
        site = subprocess.run(
            [str(VENV_PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        Path(site, "installed_monty.pth").write_text(installed + "\n")


def install(profile: str, installed: str | None) -> None:
    """Install with uv; beside an installed Monty with pip, because pip sees the packages that exist already."""
    extras = ",".join(extra for extra in EXTRAS[profile] if not (installed and extra == "monty"))
    arguments = [
        "-e",
        f".[{extras}]" if extras else ".",
        *(word for group in GROUPS[profile] for word in ("--group", group)),
    ]
    if installed:
        pip("install", "--quiet", *arguments)
        return
    pip("install", "--quiet", "--constraint", "constraints.txt", "uv")
    uv = str(VENV / "bin" / "uv")
    options = [] if sys.stderr.isatty() else ["--quiet"]
    if profile == "test":
        options.append(
            "--compile-bytecode"
        )  # half a minute, once: a hundred processes import Monty, for 10 s each else
    run([uv, "pip", "install", *options, "--python", str(VENV_PYTHON), "--constraint", "constraints.txt", *arguments])


def pip(*arguments: str) -> None:
    """Run pip in `.venv`."""
    run([str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments])


def run(command: list[str]) -> None:
    """Run a command in the checkout; a failure ends the installation with the command's own output."""
    failed = subprocess.run(command, cwd=ROOT, check=False).returncode
    if failed:
        sys.exit(f"make: failed with exit code {failed}: {' '.join(command)}")


def install_system_packages(wanted: list[str]) -> None:
    """Install the missing system packages as root (Mosquitto, EGL for MuJoCo, Node); otherwise print the command."""
    missing = [package for name in wanted if not is_there(name) for package in PACKAGES[name]]
    if not missing:
        return
    line = f"apt-get install -y {' '.join(missing)}"
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"make: {line}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], line.replace("install", "install -qq").split()):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    else:
        print(f"make: missing {', '.join(missing)}; on Debian and Ubuntu: sudo {line}", flush=True)


def is_there(name: str) -> bool:
    """Return whether one of `PACKAGES` is installed, or not needed here."""
    if name == "egl":
        return sys.platform != "linux" or has_egl()
    if name == "node":
        return bool(shutil.which("node") and shutil.which("npm"))
    if name in ("systemd-analyze", "ip") and sys.platform != "linux":
        return True
    return find_program(name) is not None


def find_program(name: str) -> str | None:
    """Return the path of a program, also from /usr/sbin, which is not on every PATH; None if there is none."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


def has_egl() -> bool:
    """Return whether MuJoCo can render without a screen: the EGL library, and Mesa's drivers or a vendor's."""
    vendors = [Path("/usr/share/glvnd/egl_vendor.d"), Path("/etc/glvnd/egl_vendor.d")]
    return bool(ctypes.util.find_library("EGL")) and any(folder.glob("*.json") for folder in vendors)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:  # noqa: PLR2004 - the program and one word
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
