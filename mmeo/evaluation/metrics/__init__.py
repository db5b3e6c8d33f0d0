# Copyright (c) mmeo contributors. All rights reserved.
from .change_metric import ChangeMetric
from .coco_metric import CocoMetric
from .dice_metric import DiceMetric
from .in_context_metric import InContextMetric
from .multi_label_metric import MultiLabelMetric
from .retrieval_metric import RetrievalMetric
from .rotated_ap_metric import RotatedAPMetric
from .scs_metric import SCSMetric

__all__ = ['ChangeMetric', 'CocoMetric', 'DiceMetric',
           'InContextMetric', 'MultiLabelMetric', 'RetrievalMetric',
           'RotatedAPMetric', 'SCSMetric']
