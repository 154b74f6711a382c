"""What is heard at the broker: our client, what is new of it, and the last word on each run."""
