"""Skips tests that need what this machine lacks, and says what it is; fails them under CI."""

import os
from typing import NoReturn

import pytest


def is_missing(told: str) -> NoReturn:
    """Skip the calling test with this reason; under CI fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)
