# Copyright (c) mmeo contributors. All rights reserved.
import json

import numpy as np
import pytest
import torch
from PIL import Image

import mmeo
from mmeo.codecs import ByteBPETokenizer
from mmeo.datasets.transforms.dynamic_tiling import choose_grid
from mmeo.errors import ConfigError, DataError


def reference_grid(width, height, low, high, size):
    """The published rule, over grids in order of area."""
    best, gap = (1, 1), float('inf')
    ratios = {(i, j) for n in range(low, high + 1) for i in range(1, n + 1)
              for j in range(1, n + 1) if low <= i * j <= high}
    for cols, rows in sorted(ratios, key=lambda x: (x[0] * x[1], x)):
        diff = abs(width / height - cols / rows)
        if diff < gap:
            gap, best = diff, (cols, rows)
        elif diff == gap and width * height > .5 * size * size * cols * rows:
            best = (cols, rows)
    return best


def test_grid():
    assert choose_grid((448, 448), 1, 6, 448) == (1, 1)
    assert choose_grid((1024, 1024), 1, 6, 448) == (2, 2)
    assert choose_grid((400, 1300), 1, 6, 448) == (3, 1)
    assert choose_grid((800, 600), 1, 12, 448) == (3, 4)
    rng = np.random.default_rng(0)
    for height, width in rng.integers(30, 2500, (300, 2)).tolist():
        for most in (1, 4, 6, 12):
            assert choose_grid((height, width), 1, most, 448) == \
                reference_grid(width, height, 1, most, 448)


def tile(images, **kwargs):
    extra = {k: kwargs.pop(k) for k in ('max_tiles_of_sample', )
             if k in kwargs}
    results = dict(images=[Image.fromarray(x) for x in images])
    if extra:
        results['max_tiles'] = extra['max_tiles_of_sample']
    return mmeo.build('DynamicTiling', image_size=8, **kwargs)(results)


def test_tiles_are_row_major_with_the_thumbnail_last():
    image = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    out = tile([image])
    assert out['num_tiles'] == [7] and out['tiles'].shape == (7, 3, 8, 8)
    for k in range(6):
        y, x = divmod(k, 3)
        part = image[8 * y:8 * y + 8, 8 * x:8 * x + 8]
        assert np.array_equal(out['tiles'][k], part.transpose(2, 0, 1))
    thumb = Image.fromarray(image).resize((8, 8), Image.Resampling.BICUBIC)
    assert np.array_equal(out['tiles'][6],
                          np.asarray(thumb).transpose(2, 0, 1))
    assert tile([image], use_thumbnail=False)['num_tiles'] == [6]
    assert tile([image], max_tiles=1)['num_tiles'] == [1]
    assert tile([image], max_tiles_of_sample=2)['num_tiles'] == [3]


def test_images_of_a_sample_share_the_tiles():
    image = np.zeros((16, 24, 3), np.uint8)
    out = tile([image, image], max_tiles=12)
    assert out['num_tiles'] == [7, 7]  # as of two LEVIR-CC dates
    assert tile([image] * 4)['num_tiles'] == [1] * 4
    assert tile([])['tiles'].shape == (0, 3, 8, 8)
    with pytest.raises(ConfigError, match='min_tiles'):
        mmeo.build('DynamicTiling', min_tiles=3, max_tiles=2)


def test_jpeg_augment_only_where_asked(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / 'a.png')
    load = mmeo.build('LoadDialogueImages')
    base = dict(img_paths=[str(tmp_path / 'a.png')], source='x:1')
    plain = load(dict(base))['images'][0]
    assert np.array_equal(np.asarray(plain), noise)
    changed = load(dict(base, jpeg_augment=True))['images'][0]
    assert not np.array_equal(np.asarray(changed), noise)


def test_sixteen_bit_image_is_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(tmp_path / 'a.png')
    with pytest.raises(DataError, match='x:1: .*a.png.*8-bit'):
        mmeo.build('LoadDialogueImages')(
            dict(img_paths=[str(tmp_path / 'a.png')], source='x:1'))


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp('c') / 'a.jsonl'
    path.write_text(json.dumps(dict(conversations=[dict(value='How many')])))
    return ByteBPETokenizer(path, 300)


def dialogue(rounds, tiles=1):
    turns = []
    for i in range(rounds):
        turns += [{'from': 'human', 'value': f'Question {i}'},
                  {'from': 'gpt', 'value': f'Answer {i}'}]
    turns[0]['value'] = '<image>\n' + turns[0]['value']
    return dict(
        conversations=turns, source='f.jsonl:7', img_paths=['a.png'],
        ori_shapes=[(8, 8)], num_tiles=[tiles],
        tiles=np.zeros((tiles, 3, 8, 8), np.uint8))


def pack(tokenizer, results, **kwargs):
    return mmeo.build('PackDialogue', tokenizer=tokenizer, system='',
                      tokens_per_tile=4, **kwargs)(results)


def test_pack(tokenizer):
    out = pack(tokenizer, dialogue(2, tiles=3))
    inputs, sample = out['inputs'], out['data_samples']
    assert inputs['pixel_values'].shape == (3, 3, 8, 8)
    assert inputs['pixel_values'].dtype == torch.uint8
    assert int(inputs['image_mask'].sum()) == 12
    assert inputs['labels'].shape == inputs['input_ids'].shape
    assert (sample.question, sample.gt_answer) == ('Question 1', 'Answer 1')
    assert sample.source == 'f.jsonl:7'


def test_pack_for_generation(tokenizer):
    out = pack(tokenizer, dialogue(2), generation=True)
    text = tokenizer.decode(out['inputs']['input_ids'],
                            skip_special_tokens=False)
    assert text.endswith('Question 1<|im_end|>\n<|im_start|>assistant\n')
    assert 'Answer 0' in text and 'Answer 1' not in text
    assert out['data_samples'].gt_answer == 'Answer 1'


def test_too_long(tokenizer):
    full = pack(tokenizer, dialogue(4))['inputs']
    length = len(full['input_ids'])
    with pytest.raises(DataError, match=f'f.jsonl:7: .*{length} tokens'):
        pack(tokenizer, dialogue(4), max_seq_len=length - 1)
    cut = pack(tokenizer, dialogue(4), max_seq_len=length - 2,
               too_long='cut_rounds')['inputs']
    n = len(cut['input_ids'])
    assert n < length - 2
    assert torch.equal(cut['input_ids'], full['input_ids'][:n])
    end = tokenizer.convert_tokens_to_ids('<|im_end|>')
    assert cut['input_ids'][-1] == end and cut['labels'][-1] == end
    with pytest.raises(DataError, match='never images'):
        pack(tokenizer, dialogue(1), max_seq_len=10, too_long='cut_rounds')
    with pytest.raises(DataError, match='tokens'):
        pack(tokenizer, dialogue(4), max_seq_len=length - 30,
             too_long='cut_rounds', generation=True)
    with pytest.raises(ConfigError, match='truncate'):
        pack(tokenizer, dialogue(1), too_long='truncate')


def test_cuts_are_counted(tokenizer):
    transform = mmeo.build('PackDialogue', tokenizer=tokenizer, system='',
                           tokens_per_tile=4, max_seq_len=80,
                           too_long='cut_rounds')
    for _ in range(3):
        transform(dialogue(6))
    transform(dialogue(1))
    assert transform.num_cut == 3
