"""Where the cockpit's events come from: a run of this process, one of another, or a saved one."""
