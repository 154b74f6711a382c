"""Starts programs and watches them: finds them, starts and stops them, and reads their logs."""
