"""What is known of runs, in memory."""
