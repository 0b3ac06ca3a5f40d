"""Several processes train one run: each has a share of the envs, and all have the same policy."""
