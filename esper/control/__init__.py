"""The control socket of a run: another process asks it to pause, to go on, to save or to stop."""
