"""This benchmark measures how much longer an experiment takes with the monitor, as its user feels it."""

from benchmarks.slowdown.pairs import rows

__all__ = ["rows"]
