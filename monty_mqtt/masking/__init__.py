"""This package masks secrets before anything is published, by their names and by their forms. Pure."""
