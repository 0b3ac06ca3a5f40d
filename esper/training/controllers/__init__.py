"""Whatever decides: the PPO agent, saved policies and rules, behind one protocol."""
