"""Holds one module for each dashboard."""
