"""Where the cockpit's events come from: a live run or a saved one, with one protocol for both."""
