"""Events folded into frozen snapshots. Nothing here needs torch or Textual."""
