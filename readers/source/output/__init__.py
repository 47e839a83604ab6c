"""From pixels and facts to what a caller gets: arrays, pictures, files, dictionaries."""
