"""Defines the services behind the experiment, and sets them up, starts them and finds them."""
