"""The services of the far side: what they are, how they are set up, started and found."""
