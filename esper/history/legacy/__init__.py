"""Runs of the original system: its events.jsonl becomes a run of today's form.

`lines` reads its lines, `dialect` turns each into one of today's events with the help of `book`, which remembers what
later lines leave out, and `importing` writes the result as a run directory. docs/guides/original-runs.md says what
becomes of what.
"""
