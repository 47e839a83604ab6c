"""One room an output container. To add one: a room or file here and one row in ``registry``."""
