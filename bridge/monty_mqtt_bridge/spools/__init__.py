"""This package handles the spools that experiments of this machine left behind."""
