"""The demo: Monty learns four objects, then recognises them, watched live; or a recording of that."""
