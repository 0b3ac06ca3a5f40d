"""Loading what was saved: `esper.checkpoints.loading`. Light, so that importing the package needs no torch."""
