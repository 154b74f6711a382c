"""What the bridge decides: who lives, what is obeyed, what is forgotten. Pure."""
