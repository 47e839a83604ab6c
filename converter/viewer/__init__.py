"""A viewer in the browser and in notebooks: slides, results over them, and sinks while they grow.

To add a request that pages can make: one function in ``answers``. The page: modules in ``static``.
"""
