"""PPO: the rollout buffer, advantages, losses and the update."""
