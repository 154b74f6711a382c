"""The far side: broker, services, secrets, control, recordings."""
