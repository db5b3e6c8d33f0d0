# Copyright (c) mmeo contributors. All rights reserved.
"""SynthEarth: a procedural data set in the formats of the real ones."""

from mmeo.datasets.synthetic.generate import make_synthearth
from mmeo.datasets.synthetic.sheet import contact_sheet

__all__ = ['contact_sheet', 'make_synthearth']
