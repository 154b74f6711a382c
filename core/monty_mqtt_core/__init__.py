"""This package holds what every program behind ZMQ shares: bridge, page and command line. It starts no program."""
