"""What comes over ZMQ: who is connected, and which of it is accepted."""
