"""OME-Zarr outputs: folder, zip, ozx."""
