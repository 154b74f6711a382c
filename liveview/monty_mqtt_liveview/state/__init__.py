"""Keeps what is known of runs in memory, built from their messages. Pure."""
