# Copyright (c) mmeo contributors. All rights reserved.
"""BigEarthNet's two legends: 43 classes of CORINE, 19 made of them.

The 19 classes and their order are those of the authors' label_indices.json
(Sumbul et al. 2020, arXiv 2001.06372); 11 classes of CORINE have no part in
them.
"""

from typing import Optional

#: CORINE class (level 3, as in ``*_labels_metadata.json``) -> class of 19.
CLC_TO_19: dict[str, Optional[str]] = {
    'Continuous urban fabric': 'Urban fabric',
    'Discontinuous urban fabric': 'Urban fabric',
    'Industrial or commercial units': 'Industrial or commercial units',
    'Road and rail networks and associated land': None,
    'Port areas': None,
    'Airports': None,
    'Mineral extraction sites': None,
    'Dump sites': None,
    'Construction sites': None,
    'Green urban areas': None,
    'Sport and leisure facilities': None,
    'Non-irrigated arable land': 'Arable land',
    'Permanently irrigated land': 'Arable land',
    'Rice fields': 'Arable land',
    'Vineyards': 'Permanent crops',
    'Fruit trees and berry plantations': 'Permanent crops',
    'Olive groves': 'Permanent crops',
    'Pastures': 'Pastures',
    'Annual crops associated with permanent crops': 'Permanent crops',
    'Complex cultivation patterns': 'Complex cultivation patterns',
    'Land principally occupied by agriculture, with significant areas of '
    'natural vegetation':
    'Land principally occupied by agriculture, with significant areas of '
    'natural vegetation',
    'Agro-forestry areas': 'Agro-forestry areas',
    'Broad-leaved forest': 'Broad-leaved forest',
    'Coniferous forest': 'Coniferous forest',
    'Mixed forest': 'Mixed forest',
    'Natural grassland': 'Natural grassland and sparsely vegetated areas',
    'Moors and heathland': 'Moors, heathland and sclerophyllous vegetation',
    'Sclerophyllous vegetation':
    'Moors, heathland and sclerophyllous vegetation',
    'Transitional woodland/shrub': 'Transitional woodland, shrub',
    'Beaches, dunes, sands': 'Beaches, dunes, sands',
    'Bare rock': None,
    'Sparsely vegetated areas':
    'Natural grassland and sparsely vegetated areas',
    'Burnt areas': None,
    'Inland marshes': 'Inland wetlands',
    'Peatbogs': 'Inland wetlands',
    'Salt marshes': 'Coastal wetlands',
    'Salines': 'Coastal wetlands',
    'Intertidal flats': None,
    'Water courses': 'Inland waters',
    'Water bodies': 'Inland waters',
    'Coastal lagoons': 'Marine waters',
    'Estuaries': 'Marine waters',
    'Sea and ocean': 'Marine waters',
}
CLASSES_43 = tuple(CLC_TO_19)
CLASSES_19 = (
    'Urban fabric', 'Industrial or commercial units', 'Arable land',
    'Permanent crops', 'Pastures', 'Complex cultivation patterns',
    'Land principally occupied by agriculture, with significant areas of '
    'natural vegetation', 'Agro-forestry areas', 'Broad-leaved forest',
    'Coniferous forest', 'Mixed forest',
    'Natural grassland and sparsely vegetated areas',
    'Moors, heathland and sclerophyllous vegetation',
    'Transitional woodland, shrub', 'Beaches, dunes, sands',
    'Inland wetlands', 'Coastal wetlands', 'Inland waters', 'Marine waters')
