"""This package holds a program's settings and what it keeps on this machine: state directory, passwords, ports."""
