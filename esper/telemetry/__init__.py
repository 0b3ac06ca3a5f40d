"""Typed events, one dataclass each, and the hub that delivers them."""
