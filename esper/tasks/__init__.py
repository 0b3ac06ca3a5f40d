"""Data sets, their splits and minibatches that stay on the device."""
