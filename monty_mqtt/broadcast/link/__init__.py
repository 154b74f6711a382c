"""This package is the connection from one worker of an experiment to a bridge."""
