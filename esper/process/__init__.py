"""The process around a run: its signals, its terminal, its console log, and running in the background."""
