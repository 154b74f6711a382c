"""Holds the columns of a worker's steps: what its learning modules believed, what was sensed and done."""
