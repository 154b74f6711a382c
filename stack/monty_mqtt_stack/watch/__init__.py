"""An experiment while it runs: watched, shown, summed up."""
