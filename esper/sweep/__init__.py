"""Searching settings: many runs of one preset, whose settings Optuna chooses, in several processes on one study."""
