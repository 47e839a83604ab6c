"""What serves scripts of the reference: its module names, its configuration, its converter.

To add a name: in the module it belongs to; what is imported under the reference's own package names
is listed in ``install``.
"""
