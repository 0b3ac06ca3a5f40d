"""What a controller sees, what it may do, and the recurrent network that decides."""
