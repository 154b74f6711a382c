"""What every program behind ZMQ shares: bridge, page and command line. No program starts here."""
