"""The cockpit: live screens for a run that is going on or a saved one."""
