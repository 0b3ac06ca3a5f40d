"""Checks for blueprints, hosts, tasks and controllers of your own."""
