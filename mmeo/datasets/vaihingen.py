# Copyright (c) mmeo contributors. All rights reserved.
"""ISPRS Vaihingen, the twin of Potsdam in other colours."""

from mmeo.registry import DATASETS

from .seg_benchmarks import PotsdamDataset


@DATASETS.register_module()
class VaihingenDataset(PotsdamDataset):
    """ISPRS Vaihingen: Potsdam's legend; 0 in the label files is ignored.

    Its pictures hold near infrared, red and green, in this order.
    """
