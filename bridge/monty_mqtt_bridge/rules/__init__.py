"""This package decides which workers live, which commands are obeyed, and which runs are forgotten. Pure."""
