"""Kernels of our own for a CPU, in C, compiled on the user's machine. Their slow twins are the other algorithms."""
