"""What is reported at the end of a batch."""
