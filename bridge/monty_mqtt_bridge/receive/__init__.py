"""This package receives messages over ZMQ: it knows the connections, and decides what is accepted."""
