"""What a sink asks of a store (`interface`), what every kind needs, and a room for each kind.

To add a kind: a room here, and a row in `kinds`.
"""
