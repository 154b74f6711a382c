"""Live telemetry for experiments of the Thousand Brains Project's Monty."""

__all__ = ["__version__"]

__version__ = "0.1.0"
