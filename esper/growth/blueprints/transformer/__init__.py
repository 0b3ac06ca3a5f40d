"""Seed modules for transformer hosts, one file each. Their features are tokens [R, B, L, D]."""
