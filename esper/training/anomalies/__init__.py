"""Rules that watch the numbers of a run and report what looks wrong."""
