"""Controllers that follow a fixed rule instead of learning."""
