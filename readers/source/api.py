"""The whole read API, composed. Whoever has a reader and options can have it."""

from ziggurat.readers.source.associated import AssociatedMethods
from ziggurat.readers.source.facts import MetadataMethods, SizeMethods
from ziggurat.readers.source.geo import GeoMethods
from ziggurat.readers.source.indexing import IndexingMethods
from ziggurat.readers.source.mosaic import MosaicMethods
from ziggurat.readers.source.notebook import NotebookMethods
from ziggurat.readers.source.regions import RegionMethods
from ziggurat.readers.source.rescaled import AnotherScaleMethods
from ziggurat.readers.source.scales import ScaleMethods
from ziggurat.readers.source.statistics import StatisticsMethods
from ziggurat.readers.source.tiles import TileMethods


class ReadMethods(
    GeoMethods,
    SizeMethods,
    MetadataMethods,
    ScaleMethods,
    RegionMethods,
    TileMethods,
    AnotherScaleMethods,
    StatisticsMethods,
    AssociatedMethods,
    MosaicMethods,
    NotebookMethods,
    IndexingMethods,
):
    """Everything that can be asked of an image, by whoever is a :class:`HasImage`."""
