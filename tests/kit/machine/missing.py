"""What a test needs and this machine lacks: named where people test, a failure where CI does."""

import os
from typing import NoReturn

import pytest


def is_missing(told: str) -> NoReturn:
    """Skip the test that calls this, and say what is not there; under CI fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)
