"""What `import esper` offers: train, evaluate, and open a run."""
