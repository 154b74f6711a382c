"""Starts and observes everything behind the experiment: broker, services, passwords, commands, recordings."""
