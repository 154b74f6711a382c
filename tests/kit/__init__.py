"""Holds what several tests share: real brokers, bridges, pages and programs, and messages."""
