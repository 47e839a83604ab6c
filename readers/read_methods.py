"""The whole read API, composed. Whoever has a reader and options can have it."""

from ziggurat.readers.another_scale_methods import AnotherScaleMethods
from ziggurat.readers.associated_methods import AssociatedMethods
from ziggurat.readers.geo_methods import GeoMethods
from ziggurat.readers.indexing import IndexingMethods
from ziggurat.readers.metadata_methods import MetadataMethods, SizeMethods
from ziggurat.readers.mosaic_methods import MosaicMethods
from ziggurat.readers.notebook import NotebookMethods
from ziggurat.readers.statistics_methods import StatisticsMethods


class ReadMethods(
    GeoMethods,
    SizeMethods,
    MetadataMethods,
    AnotherScaleMethods,
    StatisticsMethods,
    AssociatedMethods,
    MosaicMethods,
    NotebookMethods,
    IndexingMethods,
):
    """Everything that can be asked of an image. See :class:`ziggurat.readers.hooks.SourceHooks`."""
