"""Sources with one text in all their free fields."""

from pathlib import Path

import numpy as np
import tifffile

PLANTED = "JaneRoe-19480216"


def planted_ome(path: Path) -> Path:
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" '
        f'Name="{PLANTED}"><Description>{PLANTED}</Description><Pixels ID="Pixels:0" '
        'DimensionOrder="XYCZT" Type="uint8" SizeX="300" SizeY="200" SizeZ="1" SizeC="2" SizeT="1">'
        f'<Channel ID="Channel:0:0" Name="{PLANTED}"/><Channel ID="Channel:0:1" Name="DAPI"/>'
        "<TiffData/></Pixels></Image></OME>"
    )
    tifffile.imwrite(path, np.zeros((2, 200, 300), np.uint8), tile=(128, 128), description=xml,
                     metadata=None, photometric="minisblack")  # fmt: skip
    return path


def planted_svs(path: Path) -> Path:
    fields = f"Filtered = {PLANTED}|MPP = 0.5|Exposure Time = 12|ICC Profile = {PLANTED}"
    text = f"Aperio Image Library v11 \r\n300x200 (128x128) JPEG/RGB Q=90|AppMag = 20|{fields}"
    tifffile.imwrite(path, np.zeros((200, 300, 3), np.uint8), tile=(128, 128), description=text,
                     metadata=None, photometric="rgb", compression="jpeg")  # fmt: skip
    return path


def planted_geo(path: Path) -> Path:
    from osgeo import gdal, osr

    gdal.UseExceptions()
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 300, 200, 1, gdal.GDT_Byte)
    dataset.SetGeoTransform((1000, 10, 0, 2000, 0, -10))
    system = osr.SpatialReference()
    system.ImportFromEPSG(32632)
    dataset.SetProjection(system.ExportToWkt())
    dataset.GetRasterBand(1).SetDescription(PLANTED)
    dataset.SetMetadataItem("NOTE", PLANTED)
    dataset.Close()
    return path
