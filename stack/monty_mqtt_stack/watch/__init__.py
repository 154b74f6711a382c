"""Watches a running experiment, shows its progress, and sums it up."""
