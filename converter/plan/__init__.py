"""What is asked, what will be done and why; reports. To add an option: one field in ``options``."""
