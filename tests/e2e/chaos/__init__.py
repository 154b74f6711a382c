"""Real processes that are killed, frozen and emptied while an experiment publishes, and what arrives all the same."""
