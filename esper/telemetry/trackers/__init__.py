"""Sinks that send a run's figures, while it goes on, to the tracker of the user's choice."""
