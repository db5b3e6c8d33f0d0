# Copyright (c) mmeo contributors. All rights reserved.
from .dialogue import DialogueSample
from .modality import NO_LABEL, UNKNOWN_DATE, CropBatch, ModalityBatch

__all__ = [
    'CropBatch', 'DialogueSample', 'ModalityBatch', 'NO_LABEL', 'UNKNOWN_DATE'
]
