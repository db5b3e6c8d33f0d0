# Copyright (c) mmeo contributors. All rights reserved.
# ETCI 2021, in-distribution: Sentinel-1, VV and VH, 256 px; examples of train,
# targets of its validation set (the test set came without labels). IoU of
# flood: with the dry class the paper's 29.58 would be below a map without any.
_base_ = './incontext.py'
data_root = 'data/etci_flood'
prepare = ('python tools/dataset_converters/etci_flood.py data/ETCI2021 '
           'data/etci_flood')
load = [
    dict(type='LoadRaster', num_bands=2, nodata=None),
    # Grey values of an unknown stretch, not decibels. These are TorchGeo's
    # for the training tiles, those outside the swath among them: take what
    # the converter prints.
    dict(type='NormalizeBands', mean=[133.2, 156.1], std=[89.8, 95.3]),
    dict(type='LoadGeoAnnotations')
]
dataset = dict(type='ETCIFloodDataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        modality='s1',
        hierarchy='etci_flood',
        dataset=dict(splits=('val', ), pipeline=load, **dataset),
        exemplars=dict(pipeline=[*load, _base_.exemplar_crop], **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(exclude=('background', ))
test_evaluator = val_evaluator
