"""What two policy groups of one run differ in. Importing it needs no torch."""
