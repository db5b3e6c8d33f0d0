# Copyright (c) mmeo contributors. All rights reserved.
"""Label rasters as questions about masks, and their counts."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from mmeo.codecs import decode_mask, to_grid
from mmeo.datasets.instruct_converters import convert_instruct
from mmeo.datasets.instruct_converters.legend import LEGENDS, load_legend
from mmeo.datasets.instruct_converters.masks_draw import (
    Draw,
    Pairs,
    draw_pairs,
    fair_shares,
)
from mmeo.datasets.instruct_converters.masks_layout import (
    LAYOUTS,
    find_labelled,
)
from mmeo.datasets.instruct_converters.truth import missing_truth
from mmeo.datasets.instruct_converters.wording import Wording
from mmeo.datasets.seg_benchmarks import PotsdamDataset, UAVidDataset
from mmeo.errors import ConfigError, MissingDataError

PROMPTS = ('Can you segment the {} in this image?',
           'Please segment the {} in this image.',
           'What is {} in this image? Please respond with segmentation mask.',
           'What is {} in this image? Please output segmentation mask.')
LOVEDA = ['background', 'building', 'road', 'water', 'barren land', 'forest',
          'agricultural land']


def blocks(values, size=96) -> np.ndarray:
    """A label whose quarters hold four values."""
    a, b, c, d = values
    half = size // 2
    return np.block([[np.full((half, half), a), np.full((half, half), b)],
                     [np.full((half, half), c), np.full((half, half), d)]]
                    ).astype(np.uint8)


@pytest.fixture
def loveda(tmp_path, picture):
    """Three scenes in LoveDA's own tree."""
    root = tmp_path / 'loveda'
    for number, values in enumerate([(2, 3, 0, 1), (2, 2, 4, 6),
                                     (0, 0, 0, 2)]):
        for folder, pixels in (('images_png', None),
                               ('masks_png', blocks(values))):
            picture(root / f'Train/Rural/{folder}/{number}.png', (96, 96),
                    pixels)
    return root


def asked(record) -> str:
    """The class of a prompt, which must be one of the published ones."""
    prompt = record['conversations'][0]['value']
    assert prompt.startswith('<image>\n[SEG] ')
    for text in PROMPTS:
        head, tail = text.split('{}')
        rest = prompt.removeprefix('<image>\n[SEG] ')
        if rest.startswith(head) and rest.endswith(tail):
            return rest[len(head):len(rest) - len(tail)]
    raise AssertionError(prompt)


def test_one_class_a_question(convert, loveda):
    done = convert('masks', loveda, layout='loveda', style='rsunivlm',
                   negatives=0.0, count=100)
    names = Counter(asked(record) for record in done.records)
    # Ignored pixels (0) are others; background is not asked for.
    assert names == {'building': 2, 'road': 1, 'water': 1, 'forest': 1}
    assert done.report.left_out == {
        'too many ignored pixels (--max-ignored)': 1}
    record = next(r for r in done.records if r['id'] == 'Rural_0_2')
    assert record['image'] == 'Train/Rural/images_png/0.png'
    answer = record['conversations'][1]['value']
    assert answer.split('\n') == ['others*12, road*12'] * 12 + [
        'others*24'] * 12


def test_absent_classes_have_empty_masks(convert, loveda):
    done = convert('masks', loveda, layout='loveda', style='rsunivlm',
                   negatives=0.5, count=8)
    empty = [r for r in done.records if set(
        r['conversations'][1]['value'].split('\n')) == {'others*24'}]
    assert len(done.records) == 8 and len(empty) == 4
    assert all(asked(r) not in ('building', 'background') for r in empty)
    drops = done.report.left_out
    assert drops['class not drawn in this tile (balance)'] == 1


def test_truth_is_what_metrics_read(convert, loveda):
    done = convert('masks', loveda, layout='loveda', style='rsunivlm',
                   truth=True, tile=48, tile_dir='cut')
    # All classes of all tiles, also of those that are mostly ignored.
    assert len(done.records) == 3 * 4 * 6
    for record in done.records:
        assert not missing_truth('SEG', record)
        label = np.asarray(Image.open(loveda / record['mask']))
        x, y, w, h = record['tile']
        window = label[y:y + h, x:x + w]
        assert record['classes'] == LOVEDA
        assert record['class_name'] == asked(record)
        got = decode_mask(record['conversations'][1]['value'],
                          ['others', record['class_name']])
        assert got.valid
        want = to_grid(window) == record['class_index']
        assert (got.mask == want).all()
        assert Image.open(loveda / record['image']).size == (48, 48)
    assert {r['image_id'] for r in done.records} == {
        'Rural_0', 'Rural_1', 'Rural_2'}


def test_tiles_hold_the_pixels_of_the_raster(convert, tmp_path):
    """Window-wise, from GeoTIFF; only tiles that are asked about."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (3, 100, 128), np.uint8)
    label = np.zeros((1, 100, 128), np.uint8)
    label[0, 66:90, 90:120] = 8
    for folder, pixels in (('images', image), ('labels', label)):
        path = tmp_path / f'oem/town/{folder}/town_1.tif'
        path.parent.mkdir(parents=True)
        with rasterio.open(path, 'w', driver='GTiff', width=128, height=100,
                           count=len(pixels), dtype='uint8') as dst:
            dst.write(pixels)
    (tmp_path / 'oem/train.txt').write_text('town_1.tif\ntown_2.tif\n')
    done = convert('masks', tmp_path / 'oem', layout='openearthmap',
                   style='rsunivlm', tile=64, negatives=0.0,
                   max_ignored=0.99)
    record, = done.records
    assert record['image'] == 'tiles/town_1_36_100_64_128.png'
    assert asked(record) == 'building'
    tile = np.asarray(Image.open(tmp_path / 'oem' / record['image']))
    assert (tile == image[:, 36:100, 64:128].transpose(1, 2, 0)).all()
    assert len(list((tmp_path / 'oem/tiles').iterdir())) == 1
    assert done.report.flaws == {'image of the list is missing': 1}
    assert done.report.left_out['too many ignored pixels (--max-ignored)'] \
        == 3


def test_colours_become_id_maps_for_metrics(convert, tmp_path, picture):
    palette = np.array(UAVidDataset.METAINFO['palette'], np.uint8)
    ids = blocks((0, 1, 2, 7))
    for folder, pixels in (('Images', None), ('Labels', palette[ids])):
        picture(tmp_path / f'uavid_val/seq16/{folder}/000100.png', (96, 96),
                pixels)
    done = convert('masks', tmp_path, layout='uavid', split='val',
                   style='rsunivlm', truth=True, ask='all', tile=64,
                   overlap=32)
    assert {r['mask'] for r in done.records} == {
        'mask_ids/seq16_000100.png'}
    written = np.asarray(Image.open(tmp_path / 'mask_ids/seq16_000100.png'))
    assert (written == ids).all()
    by_class = {r['class_name']: r['class_index'] for r in done.records}
    assert by_class['clutter'] == 0 and by_class['moving car'] == 7
    assert len(done.records) == 4 * 8


def test_all_classes_in_one_answer(convert, loveda):
    done = convert('masks', loveda, layout='loveda', style='rsunivlm',
                   multi_class='yes', negatives=0.3, count=100)
    record = next(r for r in done.records if r['image'].endswith('1.png'))
    names = asked(record)
    assert {'building', 'water', 'forest'} <= set(
        names.replace(' and ', ', ').split(', '))
    listed = names.replace(' and ', ', ').split(', ')
    mask = decode_mask(record['conversations'][1]['value'],
                       ['others', *listed])
    assert mask.valid
    label = to_grid(blocks((2, 2, 4, 6)))
    for value, name in ((2, 'building'), (4, 'water'), (6, 'forest')):
        assert ((mask.mask == 1 + listed.index(name)) ==
                (label == value)).all()
    truth = convert('masks', loveda, layout='loveda', style='rsunivlm',
                    multi_class='yes', truth=True)
    assert len(truth.records) == 3
    assert asked(truth.records[0]) == (
        'building, road, water, barren land, forest and agricultural land')
    assert 'class_name' not in truth.records[0]


def test_classes_that_the_grid_misses_are_counted(convert, tmp_path, picture):
    label = np.full((96, 96), 2, np.uint8)
    label[0, 0] = 3  # no cell centre
    picture(tmp_path / 'img_dir/train/a.jpg', (96, 96))
    picture(tmp_path / 'ann_dir/train/a.png', pixels=label)
    picture(tmp_path / 'img_dir/train/b.jpg', (90, 96))
    picture(tmp_path / 'ann_dir/train/b.png', pixels=label)
    picture(tmp_path / 'img_dir/train/c.jpg', (96, 96))
    picture(tmp_path / 'ann_dir/train/c.png', pixels=label + 7)
    picture(tmp_path / 'img_dir/train/d.jpg', (96, 96))
    done = convert('masks', tmp_path, legend='loveda', style='rsunivlm',
                   negatives=0.0)
    assert [asked(r) for r in done.records] == ['building']
    assert done.report.left_out == {'class too small for the grid': 1}
    assert done.report.flaws == {
        'label and image differ in size': 1, 'label missing': 1,
        'label value 9 is not in the legend': 1}


def test_only_and_exclude(convert, loveda, tmp_path):
    (tmp_path / 'some.txt').write_text('0.png\n1\n')
    (tmp_path / 'not.txt').write_text('Rural/images_png/1.png\n')
    done = convert('masks', loveda, layout='loveda', style='rsunivlm',
                   only=str(tmp_path / 'some.txt'), negatives=0.0, count=9,
                   exclude=str(tmp_path / 'not.txt'))
    assert {r['image'] for r in done.records} == {
        'Train/Rural/images_png/0.png'}
    assert done.report.left_out['image is not on the list (--only)'] == 1
    assert done.report.left_out['image is on the exclude list'] == 3


@pytest.mark.parametrize('available, total, shares', [
    ([10, 10, 10], 9, [3, 3, 3]), ([1, 10, 10], 9, [1, 4, 4]),
    ([1, 2, 3], 100, [1, 2, 3]), ([0, 5, 5], 5, [0, 3, 2]),
    ([4, 100, 7, 0], None, [4, 7, 7, 0]), ([0, 0], None, [0, 0])])
def test_fair_shares(available, total, shares):
    assert fair_shares(available, total) == shares


def test_draw_is_balanced_and_seeded():
    rng = np.random.default_rng(0)
    # Classes in 90, 50, 20 and 5 % of the tiles.
    present = rng.random((2000, 4)) < np.array([.9, .5, .2, .05])
    pairs = Pairs(present, ~present, np.zeros_like(present))
    drawn = draw_pairs(pairs, Draw(count=1000, negatives=0.2),
                       Wording(1, style='rsunivlm'))
    assert len(drawn) == len(set(drawn)) == 1000
    positive = Counter(k for i, k in drawn if present[i, k])
    negative = Counter(k for i, k in drawn if not present[i, k])
    assert sum(negative.values()) == 200 and max(negative.values()) <= 50
    rare = int(present[:, 3].sum())
    assert positive[3] == min(rare, 200)
    assert max(positive.values()) - min(
        positive[k] for k in range(3)) <= 1
    again = draw_pairs(pairs, Draw(count=1000, negatives=0.2),
                       Wording(1, style='rsunivlm'))
    other = draw_pairs(pairs, Draw(count=1000, negatives=0.2),
                       Wording(2, style='rsunivlm'))
    assert again == drawn != other


@pytest.mark.parametrize('name', sorted(
    path.stem for path in LEGENDS.glob('*.json')))
def test_names_of_legends_can_be_written(name):
    from mmeo.codecs.mask_dialects import check_names
    table = load_legend(name)
    check_names(['others', *(entry.name for entry in table.entries)])


def test_legends_agree_with_the_benchmarks():
    for legend, dataset in (('isprs_rgb', PotsdamDataset),
                            ('uavid_rgb', UAVidDataset)):
        keys = [entry.keys[0] for entry in load_legend(legend).entries]
        assert keys == [tuple(c) for c in dataset.METAINFO['palette']]
    from mmseg.datasets import COCOStuffDataset
    coco = load_legend('coco_stuff').entries
    assert len(coco) == len(COCOStuffDataset.METAINFO['classes']) == 171
    assert coco[0].name == 'person' and coco[-1].keys == (181, )
    assert {entry.name: entry.keys[0] for entry in coco}['banner'] == 91


@pytest.mark.parametrize('layout', LAYOUTS)
def test_layouts_find_what_their_tree_shows(layout, tmp_path, picture):
    """Every tree of the help text is found by its own rule."""
    trees = dict(
        potsdam=('2_Ortho_RGB/top_potsdam_2_10_RGB.tif',
                 '5_Labels_all/top_potsdam_2_10_label.tif'),
        uavid=('uavid_train/seq1/Images/000000.png',
               'uavid_train/seq1/Labels/000000.png'),
        loveda=('Train/Urban/images_png/7.png', 'Train/Urban/masks_png/7.png'),
        openearthmap=('aachen/images/aachen_1.tif',
                      'aachen/labels/aachen_1.tif'),
        landcover_ai=('output/N-34_0.jpg', 'output/N-34_0_m.png'),
        coco_stuff=('images/train2017/000000000009.jpg',
                    'stuffthingmaps/train2017/000000000009.png'),
        udd5=('train/src/000001.JPG', 'train/gt/000001.png'),
        vdd=('train/src/DJI_0001.JPG', 'train/gt/DJI_0001.png'))
    for name in trees[layout]:
        picture(tmp_path / name, (8, 8))
    (tmp_path / 'train.txt').write_text('aachen_1.tif\nN-34_0\n')
    found = [item for item in find_labelled(tmp_path, layout, 'train')
             if hasattr(item, 'image')]
    assert [(item.image, item.label) for item in found] == [
        tuple(tmp_path / name for name in trees[layout])]


def test_errors(tmp_path, loveda):
    def run(**options):
        return convert_instruct('masks', loveda, tmp_path / 'out.jsonl',
                                **options)
    with pytest.raises(ConfigError, match='--style rsunivlm'):
        run(layout='loveda')
    with pytest.raises(ConfigError, match='needs --legend'):
        run(style='rsunivlm')
    with pytest.raises(ConfigError, match='share from 0'):
        run(style='rsunivlm', layout='loveda', negatives=1.0)
    with pytest.raises(MissingDataError, match='uavid_train'):
        run(style='rsunivlm', layout='uavid')
    with pytest.raises(ConfigError, match='cannot overlap'):
        run(style='rsunivlm', layout='loveda', tile=32, overlap=32)


def test_real_tiles(convert, real_sample):
    for name, legend in (('loveda', 'loveda'), ('potsdam', 'isprs')):
        root = real_sample(f'semseg/{name}')
        done = convert('masks', root, img_dir='img_dir', ann_dir='ann_dir',
                       legend=legend, style='rsunivlm', truth=True)
        table = load_legend(legend)
        assert len(done.records) == len(
            list((root / 'img_dir').iterdir())) * sum(
                entry.ask for entry in table.entries)
        for record in done.records:
            label = np.asarray(Image.open(root / record['mask']))
            mask = decode_mask(record['conversations'][1]['value'],
                               ['others', record['class_name']])
            assert mask.valid
            assert (mask.mask == (to_grid(label) ==
                                  record['class_index'])).all()


@pytest.fixture
def mci(tmp_path, picture, write):
    """Two pairs of LEVIR-MCI, one without change."""
    root = tmp_path / 'DATA/LEVIR-MCI'
    label = np.zeros((48, 48, 3), np.uint8)
    label[:24] = 128
    label[24:, :24] = 255
    entries = []
    for number, pixels in enumerate((label, np.zeros_like(label))):
        name = f'test_{number:06d}.png'
        for folder in ('A', 'B'):
            picture(root / f'images/test/{folder}/{name}', (48, 48))
        picture(root / f'images/test/label/{name}', pixels=pixels)
        texts = [f'a road is built {i} .' for i in range(5)] if not number \
            else ['the scene is the same as before ',
                  'there is no difference ', 'the two scenes seem identical ',
                  'no change has occurred ',
                  'almost nothing has changed ']
        entries.append(dict(filename=name, split='test', filepath='test',
                            sentences=[dict(raw=t) for t in texts]))
    write(root / 'LevirCCcaptions.json', dict(images=entries))
    return root


def test_levir_mci_counts_as_the_paper(convert, mci):
    """Five captions and one mask a pair."""
    done = convert('levir_mci', mci, split='test', style='rsunivlm')
    prompts = [r['conversations'][0]['value'] for r in done.records]
    assert Counter(p.split('] ')[0] for p in prompts) == {
        '<image><image>\n[CCD': 10, '<image><image>\n[SEG': 2}
    changed = next(r for r in done.records if 'mask' in r['id'] or
                   '[SEG]' in r['conversations'][0]['value']
                   and r['image'][0].endswith('0.png'))
    assert changed['image'] == ['images/test/A/test_000000.png',
                                'images/test/B/test_000000.png']
    assert {*changed['conversations'][1]['value'].split('\n')} in (
        {'road*24', 'others*24'}, {'others*24', 'building*12, others*12'})


def test_levir_mci_truth(convert, mci):
    done = convert('levir_mci', mci, split='test', style='rsunivlm',
                   truth=True)
    captions = [r for r in done.records if 'references' in r]
    masks = [r for r in done.records if 'mask' in r]
    assert [r['changed'] for r in captions] == [True, False]
    assert [len(r['references']) for r in captions] == [5, 5]
    assert [(r['image_id'], r['class_name'], r['class_index'])
            for r in masks] == [
        ('test_000000', 'road', 128), ('test_000000', 'building', 255),
        ('test_000001', 'road', 128), ('test_000001', 'building', 255)]
    assert all(r['change'] and r['mask'] ==
               f'images/test/label/{r["image_id"]}.png' for r in masks)
    assert masks[1]['conversations'][0]['value'] == (
        '<image><image>\n[SEG] Please Segment the building area in the '
        'images that have changed in the second image..')
    only = convert('levir_mci', mci, split='test', style='rsunivlm',
                   kinds='masks', masks_per_pair='each', prompt='figure')
    assert len(only.records) == 4
    assert 'Which areas belong to road' in \
        only.records[0]['conversations'][0]['value']


def test_change_masks_of_real_pairs(convert, real_sample):
    root = real_sample('change/levir_cd')
    done = convert('change_masks', root, style='rsunivlm', truth=True)
    assert len(done.records) == 11
    for record in done.records:
        label = np.asarray(Image.open(root / record['mask']).convert('L'))
        mask = decode_mask(record['conversations'][1]['value'],
                           ['others', 'building'])
        assert (mask.mask == (to_grid(label) == 255)).all()
        assert record['classes'] == ['unchanged', 'building']


def test_change_masks_lists_and_flaws(convert, tmp_path, picture):
    label = np.zeros((48, 48), np.uint8)
    label[10:40, 10:40] = 255
    for name in ('a', 'b', 'c', 'd'):
        picture(tmp_path / f'A/{name}.png', (48, 48))
        picture(tmp_path / f'B/{name}.png', (48, 40) if name == 'b' else
                (48, 48))
        picture(tmp_path / f'label/{name}.png',
                pixels=label // 255 if name == 'c' else label)
    (tmp_path / 'list.txt').write_text('a.png\nb.png\nc.png\nz.png\n')
    done = convert('change_masks', tmp_path, style='rsunivlm',
                   only=str(tmp_path / 'list.txt'))
    assert [r['id'] for r in done.records] == ['a_1']
    assert done.report.flaws == {
        'the two dates differ in size': 1, 'pair of the list is missing': 1,
        'label value 1 is not in the legend': 1}
    assert done.report.left_out == {'pair is not on the list (--only)': 1}


def test_metrics_read_the_truth(convert, loveda, tmp_path):
    """What the converter writes, MaskTextMetric's reader understands."""
    from mmeo.evaluation.mask_truth import find_legend, read_window
    done = convert('masks', loveda, layout='loveda', style='rsunivlm',
                   truth=True)
    legend = find_legend(done.records, ignore=(0, ))
    assert legend.classes == tuple(LOVEDA)
    assert legend.values == (1, 2, 3, 4, 5, 6, 7)
    ids = legend.ids(read_window(Path(loveda, done.records[0]['mask'])), 'x')
    assert set(np.unique(ids)) == {0, 1, 2, 255}
    assert json.loads(done.path.read_text().splitlines()[0])['dataset'] == \
        'masks'
