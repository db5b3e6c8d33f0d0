# Copyright (c) mmeo contributors. All rights reserved.
"""SAM through us equals transformers' processor and model by themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_sam import CONFIGS, make_sam
from torch import Tensor

from mmeo.errors import CheckpointError, ConfigError, MissingDataError
from mmeo.models.sam import SAMModel, SAMPrompt

POINTS = [[[30., 20.]], [[70., 40.]], [[5., 45.]]]
BOXES = [[10., 5., 40., 30.], [60., 20., 90., 49.], [0., 0., 99., 49.]]


@pytest.fixture
def image() -> Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (3, 50, 100), np.uint8))


def directly(sam: SAMModel, image: Tensor, multimask: bool,
             masks: Any = None, **prompts: Any) -> Tensor:
    """The way transformers' documentation goes, all prompts of an image."""
    inputs = sam.processor(images=[image], return_tensors='pt', **prompts)
    sizes = [inputs.pop('original_sizes')]
    reshaped = inputs.pop('reshaped_input_sizes', None)
    if sam.type == 'sam':
        sizes.append(reshaped)
    if masks is not None:
        inputs['input_masks'] = masks
    with torch.no_grad():
        out = sam.model(**inputs, multimask_output=multimask)
    best = out.iou_scores[0].argmax(-1)
    low = torch.stack([m[i] for m, i in zip(out.pred_masks[0], best)])
    return sam.processor.post_process_masks(
        [low[:, None]], *sizes, binarize=False)[0][:, 0]


def test_points(sam: SAMModel, image: Tensor) -> None:
    prompts = [SAMPrompt(0, points=np.array(point)) for point in POINTS]
    expected = directly(sam, image, True, input_points=[POINTS],
                        input_labels=[[[1]] * 3])
    out = sam(image, prompts)
    assert out.shape == (3, 50, 100) and out.std() > 1e-3
    assert torch.allclose(out, expected, atol=1e-5)
    assert not torch.allclose(out[0], out[1], atol=1e-3)


def test_boxes(sam: SAMModel, image: Tensor) -> None:
    prompts = [SAMPrompt(0, box=np.array(box)) for box in BOXES]
    expected = directly(sam, image, False, input_boxes=[BOXES])
    assert torch.allclose(sam(image, prompts), expected, atol=1e-5)


def test_multimask_by_choice(image: Tensor) -> None:
    sam = make_sam('sam', multimask=True)
    prompts = [SAMPrompt(0, box=np.array(box)) for box in BOXES]
    expected = directly(sam, image, True, input_boxes=[BOXES])
    assert torch.allclose(sam(image, prompts), expected, atol=1e-5)


def test_mask_of_sam2_is_what_transformers_takes(image: Tensor) -> None:
    sam = make_sam('sam2')
    mask = np.zeros((50, 100), bool)
    mask[5:31, 10:41] = True
    given = torch.from_numpy(mask).float()[None, None]
    # Bilinear interpolation and an affine change of values commute.
    expected = directly(sam, image, False, masks=given * 20 - 10,
                        input_boxes=[BOXES[:1]])
    prompt = SAMPrompt(0, box=np.array(BOXES[0]), mask=mask)
    assert torch.allclose(sam(image, [prompt]), expected, atol=1e-4)


def test_mask_of_sam_lies_where_the_image_lies(image: Tensor) -> None:
    sam = make_sam('sam')
    mask = np.zeros((50, 100), bool)
    mask[:25, 50:] = True
    low = sam._mask_inputs([SAMPrompt(0, mask=mask)])['input_masks'][0, 0]
    # 100 x 50 becomes 32 x 16 pixels at the top of a square of 32.
    assert low.shape == (32, 32)
    expected = torch.full((32, 32), -10.)
    expected[:8, 16:] = 10.
    sure = torch.ones(32, 32, dtype=torch.bool)
    sure[7:9] = sure[:, 15:17] = False  # the border is smooth
    assert torch.allclose(low[sure], expected[sure], atol=1e-4)


def test_mask_changes_the_answer(sam: SAMModel, image: Tensor) -> None:
    mask = np.zeros((50, 100), bool)
    mask[10:20, 20:30] = True
    box = np.array(BOXES[2])
    with_mask, without = sam(
        image, [SAMPrompt(0, box=box, mask=mask), SAMPrompt(0, box=box)])
    assert not torch.allclose(with_mask, without, atol=1e-3)


def test_mixed_prompts_keep_their_places(image: Tensor) -> None:
    sam = make_sam('sam', chunk_size=2)
    mask = np.zeros((50, 100), bool)
    mask[10:20, 20:30] = True
    prompts = [SAMPrompt(0, box=np.array(BOXES[0])),
               SAMPrompt(0, points=np.array(POINTS[0])),
               SAMPrompt(0, points=np.array(POINTS)[:, 0]),
               SAMPrompt(0, box=np.array(BOXES[1]), mask=mask),
               SAMPrompt(0, box=np.array(BOXES[2])),
               SAMPrompt(0, points=np.array(POINTS[1]))]
    together = sam(image, prompts)
    alone = torch.cat([sam(image, [prompt]) for prompt in prompts])
    assert torch.allclose(together, alone, atol=1e-5)


def test_weights_come_from_a_folder(sam: SAMModel, image: Tensor,
                                    tmp_path: Path) -> None:
    sam.model.save_pretrained(tmp_path)
    prompts = [SAMPrompt(0, points=np.array(POINTS[0]))]
    expected = sam(image, prompts)
    for config in (None, CONFIGS[sam.type]):
        again = SAMModel(sam.type, model=str(tmp_path), config=config).eval()
        assert torch.allclose(again(image, prompts), expected, atol=1e-5)


def test_building_needs_no_weights_and_running_does(image: Tensor) -> None:
    sam = SAMModel('sam', model='some/where', config=CONFIGS['sam'])
    with pytest.raises(MissingDataError, match='hf download some/where'):
        sam(image, [SAMPrompt(0, points=np.array(POINTS[0]))])


def test_weights_of_another_size_are_refused(image: Tensor,
                                             tmp_path: Path) -> None:
    make_sam('sam').model.save_pretrained(tmp_path)
    wider = dict(CONFIGS['sam'], mask_decoder_config=dict(
        CONFIGS['sam']['mask_decoder_config'], iou_head_hidden_dim=24))
    sam = SAMModel('sam', model=str(tmp_path), config=wider)
    with pytest.raises(CheckpointError, match='does not fit'):
        sam.load()


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    make_sam('sam').model.save_pretrained(tmp_path)
    sam = SAMModel('sam2', model=str(tmp_path), config=CONFIGS['sam2'])
    with pytest.raises(CheckpointError, match='sam'):
        sam.load()


@pytest.mark.parametrize('kwargs, name', [
    (dict(type='sam3', config={}), 'sam3'),
    (dict(type='sam'), '`model`'),
])
def test_wrong_arguments(kwargs: dict, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SAMModel(**kwargs)
