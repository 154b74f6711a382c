"""Holds one module for each subcommand of `monty-mqtt`."""
