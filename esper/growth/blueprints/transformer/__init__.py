"""Seed modules for transformer hosts, one file each: features are tokens [R, B, L, D]."""
