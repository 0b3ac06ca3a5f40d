"""One episode: the world of a batch, the decisions, their execution and their rewards."""
