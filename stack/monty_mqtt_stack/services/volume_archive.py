"""Writes every volume of compose.yaml into one tar on standard output, and restores them from standard input.

Started as the services `backup` and `restore` of compose.yaml. The last member of the archive, SHA256SUMS, lists every
file with its digest, as the program `sha256sum` does. `backup` writes it only when everything before it was read;
`restore` unpacks beside what is there, and replaces nothing before it has found each file as listed.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from monty_mqtt.errors import ServiceError

__all__ = ["SUMS", "backup", "main", "restore"]

SUMS = "SHA256SUMS"
_STAGED = ".restoring"
_BUFFER_BYTES = 1 << 20
_COMMANDS = {
    "backup": "docker compose run --rm -T backup > monty-mqtt.tar",
    "restore": "docker compose run --rm -T restore < monty-mqtt.tar",
}


def backup(volumes: Path, output: BinaryIO) -> None:
    """Write a tar with each directory of `volumes`.

    Raises:
        ServiceError: A file was written to while it was read.
        OSError: A file cannot be read, or the archive cannot be written.
    """
    sums = []
    with tarfile.open(fileobj=output, mode="w|", bufsize=_BUFFER_BYTES) as archive:
        for path in sorted(volumes.rglob("*")):
            name = path.relative_to(volumes)
            if name.parts[1:2] != (_STAGED,):
                digest = _add(archive, path, name.as_posix())
                sums += [f"{digest}  {name.as_posix()}\n"] if digest else []
        listed = "".join(sums).encode(errors="surrogateescape")
        last = tarfile.TarInfo(SUMS)
        last.size, last.mode = len(listed), 0o600
        archive.addfile(last, io.BytesIO(listed))
    output.flush()


def restore(volumes: Path, source: BinaryIO) -> None:
    """Replace the content of each directory of `volumes` by that of the archive, after all of it was read and checked.

    Raises:
        ServiceError: The archive is damaged, incomplete or of other volumes: nothing was replaced.
        OSError: There is no room for it: nothing was replaced.
    """
    names = sorted(path.name for path in volumes.iterdir())
    _remove_staged(volumes, names)
    try:
        try:
            _stage(volumes, names, source)
        except (tarfile.TarError, EOFError) as error:
            raise ServiceError(f"standard input is not a whole archive of `backup`: {error}") from None
        for name in names:
            _replace(volumes / name)
    finally:
        _remove_staged(volumes, names)


def main(arguments: Sequence[str] | None = None, volumes: Path = Path("/volumes")) -> int:
    """Run `backup` or `restore`; return the exit code. A failure is one line on standard error."""
    (word,) = sys.argv[1:] if arguments is None else arguments
    work, stream = {"backup": (backup, sys.stdout), "restore": (restore, sys.stdin)}[word]
    if stream.isatty():
        return _failed(word, f"a terminal is no place for an archive: {_COMMANDS[word]}")
    try:
        work(volumes, stream.buffer)
    except (ServiceError, OSError) as error:
        return _failed(word, str(error))
    return 0


def _failed(word: str, why: str) -> int:
    print(f"{word} failed: {why}", file=sys.stderr, flush=True)  # noqa: T201 - a command's output
    return 1


def _add(archive: tarfile.TarFile, path: Path, name: str) -> str:
    """Add a file; return its digest, empty if it has no content of its own."""
    if not stat.S_ISREG(path.lstat().st_mode):
        member = archive.gettarinfo(path, name)
        if member is not None:  # a socket
            archive.addfile(_without_names(member))
        return ""
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        member = _without_names(archive.gettarinfo(arcname=name, fileobj=file))
        if not member.isreg():  # a second name of a file that was added
            archive.addfile(member)
            return ""
        content = _Hashed(file)
        archive.addfile(member, content)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ServiceError(f"{name} was written to while it was read: first `docker compose stop`")
    return content.digest.hexdigest()


def _without_names(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uname = member.gname = ""  # those of this image, which the services do not know
    return member


class _Hashed(io.RawIOBase):
    """Reads a file, and hashes what is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self.digest.update(part)
        return part


def _stage(volumes: Path, names: Sequence[str], source: BinaryIO) -> None:
    """Unpack an archive into a directory `.restoring` of each volume, and check that it is whole."""
    seen: set[str] = set()
    sums: dict[str, str] = {}

    def members() -> Iterator[tarfile.TarInfo]:
        for member in archive:
            if member.name == SUMS:
                sums.update(_listed(archive, member))
            else:
                seen.update([member.name] if member.isreg() else [])
                yield _renamed(member, names)

    with tarfile.open(fileobj=source, mode="r|", bufsize=_BUFFER_BYTES, errorlevel=2) as archive:
        archive.extractall(volumes, members(), numeric_owner=True, filter="fully_trusted")  # noqa: S202 - see _renamed
    if not sums:
        raise ServiceError(f"the archive is incomplete: {SUMS} is missing at its end")
    if seen != sums.keys():
        raise ServiceError(f"the archive is damaged: {min(seen ^ sums.keys())} is not both there and in {SUMS}")
    for name in names:
        if not (volumes / name / _STAGED).is_dir():
            raise ServiceError(f"the archive has no volume {name}")
    for name, digest in sums.items():
        with (volumes / _staged(name)).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise ServiceError(f"the archive is damaged: {name} is not as {SUMS} says")


def _listed(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[tuple[str, str]]:
    content = archive.extractfile(member)
    for line in content.read().decode(errors="surrogateescape").split("\n") if content else ():
        digest, _, name = line.partition("  ")
        if name:
            yield name, digest


def _renamed(member: tarfile.TarInfo, names: Sequence[str]) -> tarfile.TarInfo:
    for name in (member.name, *([member.linkname] if member.islnk() else [])):
        parts = PurePosixPath(name).parts
        if not parts or parts[0] not in names or ".." in parts or member.ischr() or member.isblk():
            raise ServiceError(f"{member.name} in the archive belongs to no volume")
    member.name = _staged(member.name)
    if member.islnk():
        member.linkname = _staged(member.linkname)
    return member


def _staged(name: str) -> str:
    volume, *rest = PurePosixPath(name).parts
    return str(PurePosixPath(volume, _STAGED, *rest))


def _replace(volume: Path) -> None:
    """Put what is staged in the place of what is there; the volume takes over the owner and mode of the staged one."""
    staged = volume / _STAGED
    for path in volume.iterdir():
        if path != staged:
            _remove(path)
    for path in staged.iterdir():
        path.rename(volume / path.name)
    status = staged.stat()
    os.chown(volume, status.st_uid, status.st_gid)
    volume.chmod(stat.S_IMODE(status.st_mode))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _remove_staged(volumes: Path, names: Sequence[str]) -> None:
    for name in names:
        if (volumes / name / _STAGED).exists():
            shutil.rmtree(volumes / name / _STAGED)


if __name__ == "__main__":
    code = main()
    if code:
        os._exit(code)  # without another try to write what is left in the buffer of a pipe that may be gone
