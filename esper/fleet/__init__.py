"""E hosts and their seeds as one tensor program: forward pass, training, evaluation and ablation."""
