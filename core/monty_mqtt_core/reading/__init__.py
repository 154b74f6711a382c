"""This package reads from the broker: a client, the detection of new messages, and the last state of each run."""
