"""The measurements that `esper bench` takes, each side by side with its slow twin."""
