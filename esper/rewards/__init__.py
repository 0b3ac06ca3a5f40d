"""The reward of a decision: named components, the modes that combine them, and their scaling."""
