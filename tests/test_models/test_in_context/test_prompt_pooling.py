# Copyright (c) mmeo contributors. All rights reserved.
import torch

from mmeo.models.in_context.prompt_pooling import (
    masked_average_pool,
    sensor_shares,
)


def naive(maps, masks, cell):
    """Weights by counting the pixels of each cell; loops all the way."""
    batch, shots, channels, rows, columns = maps.shape
    count = masks.shape[2]
    out = torch.zeros(batch, count, channels)
    for b in range(batch):
        for n in range(count):
            vectors = []
            for k in range(shots):
                weight, total = 0, torch.zeros(channels)
                for y in range(rows):
                    for x in range(columns):
                        part = masks[b, k, n, y * cell:(y + 1) * cell,
                                     x * cell:(x + 1) * cell].sum()
                        weight += part
                        total += part * maps[b, k, :, y, x]
                if weight:
                    vectors.append(total / weight)
            if vectors:
                out[b, n] = torch.stack(vectors).mean(0)
    return out


def test_equals_loops():
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 4, 2, 3)
    masks = torch.rand(2, 3, 5, 8, 12) > 0.7
    masks[0, 1, 2] = False  # one shot lacks the class
    masks[1, :, 4] = False  # all shots do
    pooled, shown = masked_average_pool(maps, masks)
    torch.testing.assert_close(pooled, naive(maps, masks, 4), atol=1e-5,
                               rtol=1e-5)
    assert not shown[0, 1, 2] and not shown[1, :, 4].any()
    assert pooled[1, 4].eq(0).all()


def test_one_pixel_is_enough():
    maps = torch.randn(1, 1, 4, 16, 16)
    masks = torch.zeros(1, 1, 1, 512, 512, dtype=torch.bool)
    masks[0, 0, 0, 100, 300] = True
    pooled, shown = masked_average_pool(maps, masks)
    assert shown.all()
    torch.testing.assert_close(pooled[0, 0], maps[0, 0, :, 3, 9])


def test_padding_of_the_prompt_is_not_read():
    maps = torch.randn(1, 1, 4, 2, 2)
    masks = torch.zeros(1, 1, 1, 8, 8, dtype=torch.bool)
    masks[..., :4, :4] = True
    before, _ = masked_average_pool(maps, masks)
    maps[..., 1, :] = 1e6
    after, _ = masked_average_pool(maps, masks)
    torch.testing.assert_close(after, before)


def test_shares_of_sensors():
    shown = torch.tensor([[[1, 1], [1, 0], [1, 0]]]).bool()  # 3 shots
    shares = sensor_shares(shown, torch.tensor([[0, 1, 1]]), 2)
    torch.testing.assert_close(
        shares, torch.tensor([[[1 / 3, 2 / 3], [1., 0.]]]))
    assert sensor_shares(shown & False, torch.tensor([[0, 1, 1]]), 2
                         ).eq(0).all()
