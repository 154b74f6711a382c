"""This package monitors one run: the step hook, episodes, logs, commands."""
