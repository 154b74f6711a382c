"""What speed is claimed, measured: ratios against alternatives, in the same run. `make bench`."""
