"""Recordings and spools go to the bridge once more: as new runs, or under their own names."""
