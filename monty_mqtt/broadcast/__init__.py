"""This package carries a user's call to the ZMQ socket: lock, outbox, window, spool, link."""
