"""Takes messages from the broker, or from a recording, into the state of the page."""
