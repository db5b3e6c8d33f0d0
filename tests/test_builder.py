# Copyright (c) mmeo contributors. All rights reserved.
import pytest

import mmeo
from mmeo.errors import ConfigError


def test_build_by_name_and_by_config() -> None:
    arch = dict(embed_dims=64, depth=3, num_heads=4, mlp_ratio=4.0)
    by_name = mmeo.build('InternViT', arch=arch, img_size=112, patch_size=14,
                         out_indices=(2, ), with_cls_token=True)
    by_config = mmeo.build(dict(type='InternViT', arch=arch), img_size=112,
                           patch_size=14, out_indices=(2, ))
    assert {n: p.shape for n, p in by_name.named_parameters()} == {
        n: p.shape for n, p in by_config.named_parameters()}


def test_build_finds_siblings_and_other_kinds() -> None:
    assert type(mmeo.build('mmseg.PackSegInputs')).__name__ == 'PackSegInputs'
    assert type(mmeo.build('LoadRaster')).__name__ == 'LoadRaster'


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match='InternVitt.*spelling'):
        mmeo.build('InternVitt')
    with pytest.raises(ConfigError, match='`type`'):
        mmeo.build(dict(arch='tiny'))
