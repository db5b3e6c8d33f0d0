# Copyright (c) mmeo contributors. All rights reserved.
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mmeo.apis.mask_oracle import (
    LabelLegend,
    box_ceilings,
    find_labels,
    mask_ceilings,
    mask_table,
)
from mmeo.errors import ConfigError, DataError, MissingDataError

LOVEDA = ['background', 'building', 'road', 'water', 'barren', 'forest',
          'agriculture']


def write(path, label):
    assert cv2.imwrite(str(path), label.astype(np.uint8))
    return path


def test_what_the_grid_can_show_is_kept(tmp_path):
    """Blocks as large as cells come back, and a shift by half a cell costs
    what geometry says."""
    label = np.zeros((96, 96))
    label[8:24, 16:48] = 2
    file = write(tmp_path / 'a.png', label)
    legend = LabelLegend(['road', 'water'], [1, 2])
    fine, coarse = mask_ceilings([file], legend, (24, 3))
    assert fine.iou[1] == 1 and np.isnan(fine.iou[0])
    # Cells of 32 px: one centre of nine, (16, 16), lies in the block.
    inner = 16 * 16
    assert coarse.iou[1] == inner / (16 * 32 + 32 * 32 - inner)
    assert (coarse.masks, coarse.runs) == (1, 4)
    assert '-' in mask_table([coarse], legend)


def test_tiles_refine(tmp_path):
    rng = np.random.default_rng(0)
    label = np.kron(rng.integers(0, 2, (20, 20)), np.ones((5, 5)))
    file = write(tmp_path / 'a.png', label)
    legend = LabelLegend(['house'], [1])
    whole, tiles = mask_ceilings([file], legend, (10, ), (None, 50))
    assert tiles.iou[0] == 1 and tiles.masks == 4 and whole.iou[0] < 0.7
    odd = mask_ceilings([file], legend, (10, ), (60, ))[0]
    assert odd.masks == 4  # 60 and 40 pixels


def test_ignored_pixels_do_not_count(tmp_path):
    label = np.zeros((40, 40))
    label[:20] = 1
    label[6:9, 6:9] = 255
    file = write(tmp_path / 'a.png', label)
    assert mask_ceilings([file], LabelLegend(['a'], [1]), (4, ))[0].iou == 1
    seen = mask_ceilings([file], LabelLegend(['a'], [1], ()), (4, ))[0]
    assert seen.iou < 1


def test_boxes(tmp_path):
    label = np.zeros((512, 512))
    label[100:108, 3:11] = 1
    label[200:400, 100:300] = 1
    label[9:12, 9:12] = 1
    file = write(tmp_path / 'a.png', label)
    coarse, fine = box_ceilings([file], LabelLegend(['ship'], [1]))
    assert len(coarse.ious) == len(fine.ious) == 2
    assert coarse.ious[0] < 0.7 < coarse.ious[1] < 1
    assert min(fine.ious) > 0.85 and fine.share(0.7) == 1
    assert coarse.share(0.7) == 0.5


def test_refuses(tmp_path):
    with pytest.raises(MissingDataError, match='no label rasters'):
        find_labels(tmp_path)
    with pytest.raises(ConfigError, match='2 classes but 1'):
        LabelLegend(['a', 'b'], [1])
    with pytest.raises(ConfigError, match='two meanings'):
        LabelLegend(['a', 'b'], [1, 255])
    with pytest.raises(DataError, match='a,b'):
        LabelLegend(['a,b'])
    file = write(tmp_path / 'a.png', np.zeros((4, 4, 3)))
    with pytest.raises(DataError, match='3 bands'):
        LabelLegend(['a']).read(file)


def test_real_labels(real_sample):
    """LoveDA: finer grids and smaller tiles keep more; small things suffer
    the most."""
    files = find_labels(real_sample('semseg/loveda/ann_dir'))
    legend = LabelLegend(LOVEDA, range(1, 8), (0, ))
    items = mask_ceilings(files, legend, (16, 24, 64), (512, ))
    small = mask_ceilings(files, legend, (24, ), (256, ))[0]
    means = [np.nanmean(item.iou) for item in items]
    assert means == sorted(means) and 0.3 < means[1] < 0.95
    assert np.nanmean(small.iou) > means[1]
    assert items[1].masks == 4 * len(files)


def test_tool(real_sample, repo_root):
    labels = real_sample('semseg/potsdam/ann_dir')
    out = subprocess.run(
        [sys.executable, 'tools/analysis_tools/mask_oracle.py', str(labels),
         '--classes', 'impervious surface', 'building', 'low vegetation',
         'tree', 'car', 'clutter', '--values', *'123456', '--ignore', '0',
         '--grid', '24', '--tile', '256', '--boxes'],
        cwd=repo_root, capture_output=True, text=True, check=True).stdout
    lines = out.splitlines()
    assert lines[1].split()[:2] == ['256', '24']
    assert [line.split()[1] for line in lines[3:]] == ['100', '1000']
