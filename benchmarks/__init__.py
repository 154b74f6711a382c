"""This package measures the claimed speed, as ratios against alternatives in the same run. `make bench` runs it."""
