"""Hosts, blueprints, seeds and the lifecycle of a seed."""
