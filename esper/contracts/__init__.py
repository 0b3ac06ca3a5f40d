"""The vocabulary that all rooms share: stages, slots, actions, gates and random streams. Nothing here needs torch."""
