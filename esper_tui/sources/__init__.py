"""Where the cockpit's events come from: a live run or a saved one, behind one protocol."""
