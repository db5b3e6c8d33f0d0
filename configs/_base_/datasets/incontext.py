# Copyright (c) mmeo contributors. All rights reserved.
# What tests of in-context segmentation share: each image of a set is segmented
# with one example of each class (`shots`), the same for all (our protocol, as
# the paper's is not published), in all modes in one run. A base of one sets
# the two data sets. Change the protocol by
#   --cfg-options test_dataloader.dataset.shots=8 \
#   test_dataloader.dataset.prompt_kind=box test_dataloader.dataset.seed=1
modes = ('visual', 'textual', 'fused')
load_rgb = [
    dict(type='LoadImage'),
    dict(type='LoadGeoAnnotations'),
    # ImageNet's, of OpenCV's channel order to RGB.
    dict(
        type='mmcv.Normalize',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True)
]
# Examples are cut out of their images.
exemplar_crop = dict(type='EpisodeCrop', crop_size=(512, 512))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='list_collate'),
    dataset=dict(
        type='InContextTestDataset',
        shots=1,
        prompt_kind='mask',
        seed=0,
        dataset=dict(test_mode=True, pipeline=load_rgb),
        exemplars=dict(
            splits=('train', ),
            test_mode=True,
            pipeline=[*load_rgb, exemplar_crop])))
test_dataloader = val_dataloader
val_evaluator = dict(type='InContextMetric', modes=modes)
test_evaluator = val_evaluator
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='EpisodeVisualizer', vis_backends=vis_backends)
