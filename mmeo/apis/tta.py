# Copyright (c) mmeo contributors. All rights reserved.
"""Test-time augmentation: the config's, or flips by default."""

from copy import deepcopy

from mmengine.config import Config, ConfigDict

from mmeo.errors import ConfigError

_SEG = dict(type='mmseg.SegTTAModel')
_DET = dict(type='mmdet.DetTTAModel', tta_cfg=dict(
    nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
_FLIPPABLE = ('PackSegInputs', 'PackChangeInputs', 'PackDetInputs')


def add_tta(cfg: Config) -> None:
    """Wrap model and test pipeline in test-time augmentation, in place.

    Uses ``tta_model`` and ``tta_pipeline`` of the config; what it lacks is
    made from the test pipeline: the image and its horizontal flip.

    Raises:
        ConfigError: If neither the config nor the packing transform says how
            predictions are to be merged.
    """
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    pipeline = dataset.get('pipeline', [])
    packing = str(pipeline[-1].get('type')) if pipeline else ''
    # Registers them, for a config that names one.
    from mmeo.apis import mask_tta, rotated_tta  # noqa: F401
    if 'tta_model' not in cfg:
        cfg.tta_model = _default_model(cfg, packing)
    if 'tta_pipeline' not in cfg:
        # Others hold no one image to flip: several sensors, say.
        if not packing.endswith(_FLIPPABLE):
            raise ConfigError(
                f'{cfg.filename}: --tta needs `tta_pipeline`, what is '
                f'predicted; there is no default for {packing or "nothing"}.')
        cfg.tta_pipeline = _with_flips(pipeline, packing)
    dataset['pipeline'] = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def _default_model(cfg: Config, packing: str) -> dict:
    if 'PackSegInputs' in packing or 'PackChangeInputs' in packing:
        return dict(_SEG)
    if 'PackDetInputs' in packing:
        if 'mmrotate' in str(cfg.model):
            return dict(type='mmeo.RotatedTTAModel')
        if 'mask_head' in str(cfg.model):
            return dict(type='mmeo.MaskTTAModel')
        return deepcopy(_DET)
    raise ConfigError(
        f'{cfg.filename}: --tta needs `tta_model`, how predictions are '
        'merged, and `tta_pipeline`, what is predicted; this config has '
        f'neither, and there is no default for {packing or "its pipeline"}.')


def _with_flips(pipeline: list, packing: str) -> list:
    """The test pipeline, without and with a flip before it packs.

    The copy that is not flipped comes first: the annotations of the merged
    sample are taken from it.
    """
    flip = ('mmdet.RandomFlip' if 'PackDetInputs' in packing else
            'mmseg.RandomFlip')
    pack = dict(pipeline[-1])
    keys = pack.get('meta_keys')
    if keys is None and 'Det' in packing:
        keys = ('img_id', 'img_path', 'ori_shape', 'img_shape',
                'scale_factor')
    if keys is not None:
        pack['meta_keys'] = (*keys, *(k for k in ('flip', 'flip_direction')
                                      if k not in keys))
    return [*pipeline[:-1], dict(type='mmcv.TestTimeAug', transforms=[
        [dict(type=flip, prob=0.), dict(type=flip, prob=1.)], [pack]])]
