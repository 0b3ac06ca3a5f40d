"""The slow, obvious twins of the fleet, in ordinary torch: one module per env."""
