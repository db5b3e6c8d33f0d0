# Copyright (c) mmeo contributors. All rights reserved.
from .caption_metric import CaptionMetric
from .change_caption_metric import ChangeCaptionMetric
from .change_metric import ChangeMetric
from .change_text_metric import ChangeTextMetric
from .coco_metric import CocoMetric
from .dice_metric import DiceMetric
from .grounding_metric import GroundingMetric
from .in_context_metric import InContextMetric
from .mask_text_metric import MaskTextMetric
from .metrics_by_set import MetricsBySet
from .multi_label_metric import MultiLabelMetric
from .retrieval_metric import RetrievalMetric
from .rotated_ap_metric import RotatedAPMetric
from .scene_accuracy import SceneAccuracy
from .scs_metric import SCSMetric
from .vqa_accuracy import VQAAccuracy

__all__ = [
    'CaptionMetric', 'ChangeCaptionMetric', 'ChangeMetric',
    'ChangeTextMetric', 'CocoMetric', 'DiceMetric', 'GroundingMetric',
    'InContextMetric', 'MaskTextMetric', 'MetricsBySet', 'MultiLabelMetric',
    'RetrievalMetric', 'RotatedAPMetric', 'SCSMetric', 'SceneAccuracy',
    'VQAAccuracy'
]
