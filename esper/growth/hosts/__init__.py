"""The networks that grow, and the registry that finds them by name."""
