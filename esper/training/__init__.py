"""The loop that runs from a batch of rollouts to an update of the policy."""
