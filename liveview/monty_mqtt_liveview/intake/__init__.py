"""The way of a message into the page: from the broker, or from a recording, into the state."""
