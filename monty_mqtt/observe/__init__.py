"""What is read of Monty, and of the run that is under way."""
