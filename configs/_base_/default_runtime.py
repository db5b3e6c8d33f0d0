# Copyright (c) mmeo contributors. All rights reserved.
default_scope = 'mmeo'
# Also lets `mim train` and the tools of the siblings run these configs.
custom_imports = dict(imports=['mmeo'], allow_failed_imports=False)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='AtomicCheckpointHook',
        by_epoch=False,
        interval=100,
        max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='GeoVisualizationHook'))
# A resumed run draws the same random numbers as an uninterrupted one.
custom_hooks = [dict(type='ProgressHook'), dict(type='StepSeedHook')]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
log_processor = dict(by_epoch=False, window_size=10)
log_level = 'INFO'
randomness = dict(seed=0)
load_from = None
resume = False
