"""The whole read API, composed. Whoever has a reader and options can have it."""

from ziggurat.readers.source.associated import AssociatedMethods
from ziggurat.readers.source.facts import MetadataMethods, SizeMethods
from ziggurat.readers.source.geo import GeoMethods
from ziggurat.readers.source.indexing import IndexingMethods
from ziggurat.readers.source.mosaic import MosaicMethods
from ziggurat.readers.source.notebook import NotebookMethods
from ziggurat.readers.source.rescaled import AnotherScaleMethods
from ziggurat.readers.source.statistics import StatisticsMethods


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
    """Everything that can be asked of an image."""
