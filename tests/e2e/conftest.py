"""What the tests that kill and freeze measured, shown at the end of the run."""

from __future__ import annotations

from chaos import memory


def pytest_terminal_summary(terminalreporter) -> None:
    if memory.TABLE:
        terminalreporter.section("resident memory, MiB")
        terminalreporter.write_line(memory.HEADING)
        for row in memory.TABLE:
            terminalreporter.write_line(str(row))
