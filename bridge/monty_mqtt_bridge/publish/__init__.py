"""What goes to the broker, in all its forms, and again after a reconnect."""
