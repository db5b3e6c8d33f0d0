# Copyright (c) mmeo contributors. All rights reserved.
from .checkpoint_hook import AtomicCheckpointHook
from .ema_teacher_hook import EMATeacherHook
from .moe_aux_hook import MoEAuxHook
from .progress_hook import ProgressHook
from .sga_hook import SGAHook
from .step_seed_hook import StepSeedHook
from .visualization_hook import GeoVisualizationHook
from .vlm_manifest_hook import VLMManifestHook, read_manifest

__all__ = ['AtomicCheckpointHook', 'EMATeacherHook', 'GeoVisualizationHook',
           'MoEAuxHook', 'ProgressHook', 'SGAHook', 'StepSeedHook',
           'VLMManifestHook', 'read_manifest']
