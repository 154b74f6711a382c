"""Runs the demo: Monty learns four objects, then recognises them, shown live; or plays a recording of that."""
