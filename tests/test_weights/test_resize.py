# Copyright (c) mmeo contributors. All rights reserved.
"""Position tables and patch kernels of another size."""

import pytest
import torch
import torch.nn.functional as F

from mmeo import weights
from mmeo.errors import CheckpointError


def test_position_table_keeps_cls_and_dtype():
    table = torch.randn(1, 17, 4, dtype=torch.bfloat16)
    out = weights.fit_position_table(table, 37)
    assert out.shape == (1, 37, 4) and out.dtype == torch.bfloat16
    assert torch.equal(out[:, 0], table[:, 0])
    assert weights.fit_position_table(table, 17) is not None
    assert torch.equal(weights.fit_position_table(table, 17), table)
    # Without a CLS row the patches are what is left.
    assert torch.equal(weights.fit_position_table(table, 16), table[:, 1:])


def test_position_table_is_resized_along_the_right_axes():
    rows = torch.arange(4.)[:, None].expand(4, 4).reshape(1, 16, 1)
    out = weights.resize_position_table(rows, 0, (8, 2)).reshape(8, 2)
    torch.testing.assert_close(out[:, 0], out[:, 1])
    assert (out[1:, 0] > out[:-1, 0]).all()


def test_position_table_errors():
    with pytest.raises(CheckpointError, match='15 rows'):
        weights.fit_position_table(torch.zeros(1, 15, 4), 16)
    with pytest.raises(CheckpointError, match='with_cls_token=False'):
        weights.fit_position_table(torch.zeros(1, 16, 4), 17)


def test_pseudo_inverse_keeps_the_embedding_of_an_enlarged_patch():
    kernel = torch.randn(5, 3, 14, 14)
    patch = torch.randn(1, 3, 14, 14)
    large = F.interpolate(patch, size=(16, 16), mode='bicubic')
    before = F.conv2d(patch, kernel)
    exact = F.conv2d(large, weights.resize_patch_kernel(kernel, 16, 'pinv'))
    torch.testing.assert_close(exact, before, atol=1e-3, rtol=1e-3)
    plain = F.conv2d(large, weights.resize_patch_kernel(kernel, 16))
    assert (plain - before).abs().max() > 0.1


def test_bicubic_kernel_is_the_plain_interpolation():
    kernel = torch.randn(5, 3, 14, 14)
    torch.testing.assert_close(
        weights.resize_patch_kernel(kernel, 16),
        F.interpolate(kernel, size=(16, 16), mode='bicubic'))
    assert weights.resize_patch_kernel(kernel, 14) is kernel
