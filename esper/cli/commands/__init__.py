"""The commands of `esper`, one file each."""
