"""The panels that draw a snapshot."""
