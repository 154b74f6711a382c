"""This package publishes messages to the broker in all their forms, and again after a reconnect."""
