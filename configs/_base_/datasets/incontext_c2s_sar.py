# Copyright (c) mmeo contributors. All rights reserved.
# Cloud to Street - Microsoft floods, the part of Sentinel-1 in dB (our reading
# of the paper's C2S-SAR): examples of train, targets of other floods. IoU of
# water.
_base_ = './incontext.py'
data_root = 'data/c2s_sar'
prepare = ('python tools/dataset_converters/c2s_sar.py data/c2smsfloods '
           'data/c2s_sar')
load = [
    dict(type='LoadRaster', num_bands=2),
    dict(type='NormalizeBands', preset='s1'),
    dict(type='LoadGeoAnnotations', ignore_nodata=True)
]
dataset = dict(type='C2SFloodDataset', data_root=data_root, prepare=prepare)
val_dataloader = dict(
    dataset=dict(
        modality='s1',
        hierarchy='c2s_sar',
        dataset=dict(splits=('val', ), pipeline=load, **dataset),
        exemplars=dict(pipeline=[*load, _base_.exemplar_crop], **dataset)))
test_dataloader = val_dataloader
val_evaluator = dict(exclude=('background', ))
test_evaluator = val_evaluator
