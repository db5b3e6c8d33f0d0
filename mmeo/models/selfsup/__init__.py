# Copyright (c) mmeo contributors. All rights reserved.
from .align_branch import AlignBranch
from .align_preprocessor import AlignDataPreprocessor
from .alignment_head import AlignmentHead
from .branch import SelfSupBranch, Views
from .ita_head import ITAHead
from .mgcl_head import MGCLHead
from .multi_crop_preprocessor import MultiCropDataPreprocessor
from .qsacl_head import QSACLHead
from .skysense_v2_pretrainer import SkySenseV2Pretrainer
from .view_contrast import ViewContrast
from .view_matching import ViewPairs, match_views, sample_cells
from .vita_align_pretrainer import VITAAlignPretrainer

__all__ = [
    'AlignBranch', 'AlignDataPreprocessor', 'AlignmentHead', 'ITAHead',
    'MGCLHead', 'MultiCropDataPreprocessor', 'QSACLHead', 'SelfSupBranch',
    'SkySenseV2Pretrainer', 'VITAAlignPretrainer', 'ViewContrast', 'ViewPairs',
    'Views', 'match_views', 'sample_cells'
]
