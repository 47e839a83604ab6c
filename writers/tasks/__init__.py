"""A write cut into tasks that do not know each other, for many workers or machines, and its end."""
