"""Controllers compared on the test split, and policy groups compared within a run."""
