"""This package reads Monty's state, and describes the current run."""
