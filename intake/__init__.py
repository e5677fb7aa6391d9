"""What arrives from outside and what follows from it."""
