"""What the server of ``tests.preloaded`` imports once, for all its children."""

import gc

import imagecodecs  # noqa: F401
import ome_types  # noqa: F401
import tifffile  # noqa: F401

import ziggurat
import ziggurat.converter.batch.run
import ziggurat.converter.cli.app
import ziggurat.converter.emit
import ziggurat.readers.codecs.native._decode
import ziggurat.readers.formats.gdal.georeferenced
import ziggurat.readers.formats.placed
import ziggurat.readers.formats.sink_store.reader
import ziggurat.readers.formats.tiff.reader
import ziggurat.readers.formats.zarr.reader
import ziggurat.readers.source.api
import ziggurat.writers.codecs.jpeg_tables
import ziggurat.writers.codecs.tiles
import ziggurat.writers.formats.tiff.ome_tiff
import ziggurat.writers.formats.zarr.ome_zarr
import ziggurat.writers.sink.new
import ziggurat.writers.store.kinds  # noqa: F401

gc.collect()
gc.freeze()  # what is shared with the children stays shared
