"""What the console prints: progress, tables and reports."""
