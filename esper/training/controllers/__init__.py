"""Whatever decides: the PPO agent, saved policies and rules, all with one protocol."""
