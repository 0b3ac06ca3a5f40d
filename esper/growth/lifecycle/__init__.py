"""The life of a seed as pure functions: stages, gates, alpha and what is possible when."""
