"""What was accepted, on disk, until the broker has it."""
