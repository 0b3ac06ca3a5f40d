"""A seed planted in a slot: how it is blended into the host, and its gate network."""
