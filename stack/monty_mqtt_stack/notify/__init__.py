"""Sends notifications of what happens to runs, for `monty-mqtt up`."""
