# Copyright (c) mmeo contributors. All rights reserved.
from .length_batch_sampler import LengthBatchSampler
from .resumable_infinite_sampler import ResumableInfiniteSampler
from .seeded_index import SeededIndex, seeded_by

__all__ = ['LengthBatchSampler', 'ResumableInfiniteSampler', 'SeededIndex',
           'seeded_by']
