"""This benchmark measures how many workers one machine carries, and what each of its programs takes for a step."""

from benchmarks.capacity.loads import rows

__all__ = ["rows"]
