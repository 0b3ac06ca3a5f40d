"""Stacked layers: E small networks computed as one, with native kernels for CPUs."""
