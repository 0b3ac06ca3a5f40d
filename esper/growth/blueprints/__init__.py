"""Seed modules, one file each; the registry maps each Blueprint to its class."""
