# Copyright (c) mmeo contributors. All rights reserved.
from .resumable_infinite_sampler import ResumableInfiniteSampler
from .seeded_index import SeededIndex, seeded_by

__all__ = ['ResumableInfiniteSampler', 'SeededIndex', 'seeded_by']
