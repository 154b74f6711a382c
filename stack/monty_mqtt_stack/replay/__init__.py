"""Sends recordings and spools to the bridge again: as new runs, or with their own ids."""
