"""Recordings as MCAP files: written, read, and many read as one."""
