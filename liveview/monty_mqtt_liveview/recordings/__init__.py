"""Writes the recordings of all runs to disk, finds payloads in them, and keeps them within their limits."""
