"""This package writes and reads recordings as MCAP files, and reads several as one."""
