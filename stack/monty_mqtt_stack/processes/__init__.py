"""Programs that are started: where they are, how they begin and end, what their logs say."""
