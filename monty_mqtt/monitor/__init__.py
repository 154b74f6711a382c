"""One monitored run: the step hook, episodes, logs, commands."""
