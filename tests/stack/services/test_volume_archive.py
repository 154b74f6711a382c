"""`backup` and `restore` of compose.yaml: what comes back is what was there; what is not whole replaces nothing."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from kit.machine.small_disk import small_disk

from monty_mqtt.errors import ServiceError
from monty_mqtt_stack.services.volume_archive import SUMS, backup, restore

MAIN = """
import os, sys
from pathlib import Path
from monty_mqtt_stack.services.volume_archive import main
os._exit(main([sys.argv[1]], Path(sys.argv[2])))
"""


@pytest.fixture
def volumes(tmp_path):
    return filled(tmp_path / "volumes")


def filled(path):
    state, journal = path / "state", path / "journal"
    (state / "secrets").mkdir(parents=True)
    journal.mkdir()
    (path / "empty").mkdir(mode=0o750)
    (state / "secrets" / "bridge.password").write_text("secret\n")
    (state / "secrets" / "bridge.password").chmod(0o400)
    (state / "link").symlink_to("secrets/bridge.password")
    (journal / "bridge.sqlite").write_bytes(bytes(range(256)) * 5000)
    (journal / "same").hardlink_to(journal / "bridge.sqlite")
    (journal / "zeros").write_bytes(bytes(100_000))
    (journal / "ünï\u2028codé").write_text("")
    journal.chmod(0o700)
    return path


def archive_of(volumes):
    output = io.BytesIO()
    backup(volumes, output)
    return output.getvalue()


def tree(folder):
    """Return what is kept of each file: its kind and mode, owner, and content."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder)] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


def refused(volumes, archive):
    """Return why `restore` refuses this archive; nothing is other than before."""
    before = tree(volumes)
    with pytest.raises(ServiceError) as caught:
        restore(volumes, io.BytesIO(archive))
    assert tree(volumes) == before
    return str(caught.value)


def main(word, volumes, **streams):
    command = [sys.executable, "-c", MAIN, word, str(volumes)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=60, **streams)


def test_what_is_restored_is_what_was_there(volumes):
    before, archive = tree(volumes), archive_of(volumes)
    (volumes / "journal" / "bridge.sqlite").unlink()
    (volumes / "state" / "secrets" / "later").write_text("written after the backup")
    (volumes / "state" / "link").unlink()
    (volumes / "state" / "link").mkdir()
    (volumes / "empty").chmod(0o777)
    restore(volumes, io.BytesIO(archive))
    assert tree(volumes) == before
    journal = volumes / "journal"
    assert (journal / "same").stat().st_ino == (journal / "bridge.sqlite").stat().st_ino


def test_it_is_a_tar_whose_sums_sha256sum_checks(volumes, tmp_path):
    file = tmp_path / "monty-mqtt.tar"
    file.write_bytes(archive_of(volumes))
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-xf", file, "-C", unpacked], check=True, timeout=60)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS],
        cwd=unpacked,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.count(": OK\n")) == (0, 4), done.stderr


def test_sockets_and_what_a_killed_restore_left_are_left_out(volumes):
    (volumes / "state" / ".restoring" / "secrets").mkdir(parents=True)
    (volumes / "state" / ".restoring" / "secrets" / "half").write_text("ha")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(volumes / "state" / "socket"))
    with tarfile.open(fileobj=io.BytesIO(archive_of(volumes))) as archive:
        names = archive.getnames()
    assert names[-1] == SUMS
    assert not [name for name in names if ".restoring" in name or "socket" in name]
    restore(volumes, io.BytesIO(archive_of(volumes)))
    assert not list(volumes.rglob(".restoring"))


def test_an_archive_that_was_cut_off_anywhere_replaces_nothing(volumes):
    archive = archive_of(volumes)
    sums = archive.rindex(SUMS.encode())
    with tarfile.open(fileobj=io.BytesIO(archive)) as read:
        edges = {member.offset for member in read} | {member.offset_data for member in read}
    for length in sorted({edge for edge in edges if edge <= sums} | {0, 1, 511, 1_000_000, sums + 600}):
        assert refused(volumes, archive[:length]), length


def test_a_changed_byte_replaces_nothing(volumes):
    archive = bytearray(archive_of(volumes))
    archive[archive.index(bytes(range(256))) + 300] ^= 1
    assert "journal/bridge.sqlite is not as SHA256SUMS says" in refused(volumes, archive)


@pytest.mark.parametrize(
    ("archive", "why"),
    [(b"", "empty file"), (b"no tar\n" * 1000, "invalid header"), (b"\x1f\x8b" + bytes(600), "")],
    ids=["nothing", "text", "gzip"],
)
def test_what_is_no_archive_replaces_nothing(archive, why, volumes):
    assert why in refused(volumes, archive)


@pytest.mark.parametrize("name", ["other/file", "../state/file", "state/../../file", "/etc/file", "."])
def test_what_belongs_to_no_volume_replaces_nothing(name, volumes):
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    assert "belongs to no volume" in refused(volumes, output.getvalue())


def test_an_archive_of_other_volumes_replaces_nothing(volumes, tmp_path):
    fewer = filled(tmp_path / "fewer")
    (fewer / "empty").rmdir()
    assert "has no volume empty" in refused(volumes, archive_of(fewer))


def test_without_room_for_all_of_it_nothing_is_replaced(volumes, tmp_path):
    archive = archive_of(volumes)
    with small_disk(tmp_path / "disk", 2) as disk:
        here = filled(disk / "volumes")
        before = tree(here)
        with pytest.raises(OSError, match="No space left"):
            restore(here, io.BytesIO(archive))
        assert tree(here) == before


def test_a_file_that_is_written_to_meanwhile_is_no_backup(volumes):
    growing = volumes / "journal" / "growing"
    growing.write_bytes(bytes(3_000_000))

    class Output(io.BytesIO):
        """Of a program that writes while it is backed up."""

        def write(self, part):
            with growing.open("ab") as file:
                file.write(b"more")
            return super().write(part)

    output = Output()
    with pytest.raises(ServiceError, match="journal/growing was written to while it was read"):
        backup(volumes, output)
    assert refused(volumes, output.getvalue())


def test_a_failure_is_one_line_and_an_exit_code(volumes, tmp_path):
    with Path("/dev/full").open("wb") as full:
        done = main("backup", volumes, stdout=full)
    assert (done.returncode, done.stderr) == (1, "backup failed: [Errno 28] No space left on device\n")
    file = tmp_path / "monty-mqtt.tar"
    with file.open("wb") as output:
        assert main("backup", volumes, stdout=output).returncode == 0
    before = tree(volumes)
    done = main("restore", volumes, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "restore failed: standard input is not a whole archive of `backup`: empty file\n"
    with file.open("rb") as archive:
        assert main("restore", volumes, stdin=archive).returncode == 0
    assert tree(volumes) == before


def test_a_terminal_gets_no_archive(volumes):
    ours, theirs = os.openpty()
    for word, stream in (("backup", "stdout"), ("restore", "stdin")):
        done = main(word, volumes, **{stream: theirs})
        assert (done.returncode, f"run --rm -T {word} " in done.stderr) == (1, True)
    os.close(theirs)
    os.close(ours)
