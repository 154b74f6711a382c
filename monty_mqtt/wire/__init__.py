"""This package defines what experiment, bridge and their readers send: messages, topics, the ZMQ hop. Pure."""
