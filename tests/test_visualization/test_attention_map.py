# Copyright (c) mmeo contributors. All rights reserved.
"""Attention of a query patch, against transformers' own weights."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmeo.apis.attention import attention_map, normalise, vit_settings
from mmeo.errors import ConfigError
from mmeo.models.backbones import InternViT
from mmeo.visualization.attention import attention_maps, overlay
from mmeo.weights import convert

ARCH = dict(embed_dims=32, depth=4, num_heads=4, mlp_ratio=2.0)


@pytest.fixture(scope='module')
def pair():
    """transformers' encoder and ours on the same weights."""
    from transformers import InternVLVisionConfig, InternVLVisionModel
    torch.manual_seed(0)
    config = InternVLVisionConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=64, image_size=[56, 56], patch_size=[14, 14],
        attention_bias=True, use_mean_pooling=True)
    config._attn_implementation = 'eager'
    theirs = InternVLVisionModel(config).eval()
    with torch.no_grad():
        for param in theirs.parameters():
            param.add_(torch.randn_like(param) * 0.3)
    ours = InternViT(arch=ARCH, img_size=56).eval()
    ours.load_state_dict(convert(theirs.state_dict(), family='internvit'))
    return theirs, ours


def test_equals_transformers(pair) -> None:
    theirs, ours = pair
    image = torch.randn(1, 3, 56, 56)
    full = []  # what its eager attention returns beside the output
    hooks = [layer.attention.register_forward_hook(
        lambda module, args, output: full.append(output[1]))
        for layer in theirs.encoder.layer]
    with torch.no_grad():
        theirs(pixel_values=image)
    for hook in hooks:
        hook.remove()
    # pixel (30, 17): column 2 of 4, row 1; one CLS token in front
    maps = attention_maps(ours, image, (30, 17), layers=(1, 3, 4))
    assert sorted(maps) == [1, 3, 4]
    for layer, rows in maps.items():
        assert rows.shape == (4, 17)
        expected = full[layer - 1][0, :, 1 + 1 * 4 + 2]  # (heads, N)
        assert expected.std() > 0.005  # not uniform, or any row would do
        torch.testing.assert_close(rows, expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(rows.sum(1), torch.ones(4))


@pytest.mark.parametrize('size', [(56, 84), (28, 14), (140, 112)])
def test_any_size(pair, size: tuple[int, int]) -> None:
    _, ours = pair
    image = torch.randn(1, 3, *size)
    rows = attention_maps(ours, image, (size[1] - 1, size[0] - 1), (2, ))[2]
    assert rows.shape == (4, 1 + size[0] // 14 * (size[1] // 14))
    torch.testing.assert_close(rows.sum(1), torch.ones(4))
    # the rows are those with which the block really mixes values
    with torch.no_grad():
        tokens = ours.run_layers(ours.embed(image)[0], 0, 1)
        block = ours.layers[1]
        x = block.norm1(tokens)
        value = block.attn.qkv(x).chunk(3, -1)[2].view(1, -1, 4, 8)
        mixed = torch.einsum('hn,nhd->hd', rows, value[0]).reshape(-1)
        torch.testing.assert_close(block.attn.proj(mixed),
                                   block.attn(x)[0, -1], atol=1e-5,
                                   rtol=1e-4)


def test_query_and_layers_are_checked(pair) -> None:
    image = torch.zeros(1, 3, 56, 56)
    with pytest.raises(ConfigError, match='56,0 lies outside.*56 x 56'):
        attention_maps(pair[1], image, (56, 0), (1, ))
    with pytest.raises(ConfigError, match='choose of 1 to 4'):
        attention_maps(pair[1], image, (0, 0), (5, ))
    with pytest.raises(ConfigError, match='choose of 1 to 4'):
        attention_maps(pair[1], image, (0, 0), (0, ))


def test_overlay_marks_patch_and_query() -> None:
    picture = np.full((56, 84, 3), 100, np.uint8)
    weights = torch.zeros(24)
    weights[4 * 6 - 3:] = 0.2  # the last three of 4 x 6 patches
    out = overlay(picture, weights, (4, 6), (5, 5), alpha=1.0)
    assert out[50, 80][0] > 240 and out[50, 80][2] < 60  # yellow
    assert out[30, 40][2] > out[30, 40][1]  # violet: no attention
    assert out[5, 5].tolist() == [230, 20, 20]


def test_picture_of_two_checkpoints(pair, tmp_path: Path) -> None:
    """A detector's checkpoint and a bare encoder, side by side."""
    _, ours = pair
    config = tmp_path / 'det.py'
    config.write_text(
        "model = dict(type='X', backbone=dict(type='mmeo.ViTAdapter', vit="
        f"dict(type='mmeo.InternViT', arch={ARCH}, img_size=56, "
        "drop_path_rate=0.4, out_indices=(1, 2))))\n")
    assert vit_settings(str(config)) == dict(arch=ARCH, img_size=56,
                                             patch_size=14)
    torch.save(ours.state_dict(), tmp_path / 'vit.pth')
    torch.save(dict(state_dict={
        **{f'backbone.vit.{key}': value
           for key, value in ours.state_dict().items()},
        'neck.weight': torch.zeros(3)}), tmp_path / 'det.pth')
    image = np.random.default_rng(0).integers(0, 255, (70, 100, 3))
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    out = attention_map(
        str(config), str(tmp_path / 'a.png'), (99, 69),
        [str(tmp_path / 'vit.pth'), str(tmp_path / 'det.pth')],
        layers=(1, 3), out=str(tmp_path / 'o' / 'map.png'))
    panel = cv2.imread(str(out))
    rows = np.split(panel, 2)  # one row a checkpoint; equal but for titles
    title = 22
    assert np.array_equal(rows[0][title:], rows[1][title:])
    assert not np.array_equal(rows[0][:title], rows[1][:title])
    with pytest.raises(ConfigError, match='holds 0'):
        config.write_text("model = dict(type='X')\n")
        vit_settings(str(config))


def test_normalise() -> None:
    out = normalise(np.full((2, 3, 3), 255, np.uint8))
    assert out.shape == (1, 3, 2, 3)
    assert out[0, 0, 0, 0] == pytest.approx((255 - 123.675) / 58.395, 1e-5)
