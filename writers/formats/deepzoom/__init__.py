"""DeepZoom, in a folder (``.dzi``) or in one zip (``.szi``): tile files for viewers on the web."""
