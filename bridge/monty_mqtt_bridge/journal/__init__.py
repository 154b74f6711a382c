"""This package keeps accepted messages on disk until the broker has them."""
