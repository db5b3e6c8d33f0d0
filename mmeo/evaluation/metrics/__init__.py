# Copyright (c) mmeo contributors. All rights reserved.
from .change_metric import ChangeMetric
from .dice_metric import DiceMetric
from .rotated_ap_metric import RotatedAPMetric

__all__ = ['ChangeMetric', 'DiceMetric', 'RotatedAPMetric']
