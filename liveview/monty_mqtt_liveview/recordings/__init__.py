"""The recordings of all runs on disk: written, looked up, kept within their limits."""
