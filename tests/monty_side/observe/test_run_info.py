"""What Info says of a run."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from monty_mqtt.observe.run_info import episodes_expected, git_commit, versions


def test_versions_of_what_is_installed():
    installed = versions()
    assert {"pyzmq", "msgspec"} <= set(installed)
    assert "habitat-sim" not in installed


def test_commit_is_what_git_says(tmp_path):
    def git(*args):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git_commit(tmp_path) is None
    git("init", "-q")
    assert git_commit(tmp_path) is None
    git("commit", "-q", "--allow-empty", "-m", "x")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert git_commit(below) == git("rev-parse", "HEAD")
    git("pack-refs", "--all")
    assert git_commit(below) == git("rev-parse", "HEAD")
    git("worktree", "add", "-q", "-b", "side", str(tmp_path / "tree"))
    assert git_commit(tmp_path / "tree") == git("rev-parse", "HEAD")
    git("checkout", "-q", "--detach")
    assert git_commit(tmp_path) == git("rev-parse", "HEAD")


def interface(*names, **attributes):
    kind = object
    for name in names:
        kind = type(name, (kind,), {}) if kind is not object else type(name, (), {})
    made = kind()
    vars(made).update(attributes)
    return made


@pytest.mark.parametrize(
    ("given", "per_epoch"),
    [
        (interface("Interface"), 1),
        (interface("Interface", "OneObjectPerEpisodeInterface", object_names=["a", "b"]), 2),
        (interface("OneObjectPerEpisodeInterface", "SaccadeOnImageInterface", scenes=[1, 2, 3], object_names=["a"]), 3),
        (interface("SaccadeOnImageInterface", "SaccadeOnImageFromStreamInterface"), None),
    ],
)
def test_episodes_expected(given, per_epoch):
    experiment = SimpleNamespace(
        do_train=True, do_eval=False, n_train_epochs=4, n_eval_epochs=9, train_env_interface=given
    )
    assert episodes_expected(experiment) == ({} if per_epoch is None else {"train": 4 * per_epoch})
