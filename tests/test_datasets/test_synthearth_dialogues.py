# Copyright (c) mmeo contributors. All rights reserved.
"""Dialogues with task tokens: every answer, counted again from the files."""

import json
import re
from collections import Counter
from random import Random

import cv2
import numpy as np
import pytest

from mmeo.codecs import decode_boxes, decode_mask, task_of, to_grid
from mmeo.datasets.synthetic import make_synthearth
from mmeo.datasets.synthetic.dialogues import COVERS, KINDS, view_of
from mmeo.datasets.synthetic.dialogues.image_tasks import RATES, image_items
from mmeo.datasets.synthetic.dialogues.pair_tasks import (
    NO_CHANGE,
    change_captions,
)
from mmeo.datasets.synthetic.dialogues.pixel_tasks import training_masks
from mmeo.datasets.synthetic.dialogues.view import FACTOR, MIN_SIDE
from mmeo.datasets.synthetic.raster import build_scene
from mmeo.datasets.synthetic.scenes import THEMES, theme_of
from mmeo.datasets.synthetic.text import WORDS, region
from mmeo.datasets.synthetic.writers.rsunivlm import (
    EVALUATIONS,
    evaluation_of,
)
from mmeo.errors import DataError
from mmeo.evaluation.text.change_words import says_no_change
from mmeo.registry import DATASETS

SEED = 5
SINGULAR = {one: kind for kind, (one, _) in WORDS.items()}
PLURAL = {many: kind for kind, (_, many) in WORDS.items()}


def make(out, scenes=24, **kwargs):
    return make_synthearth(out, scenes, 256, SEED, .5, progress=False,
                           rsunivlm=True, **kwargs)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp('dialogues') / 'data', usual=False)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Files:
    """What the files of a split say, read without the generator."""

    def __init__(self, root):
        self.root = root / 'rsunivlm'
        self.scenes = {one['id']: one
                       for one in lines(self.root / 'objects.jsonl')}

    def map(self, folder, stem):
        return cv2.imread(str(self.root / f'{folder}/{stem}.png'), -1)

    def objects(self, stem, date='first'):
        gone = 'added' if date == 'first' else 'removed'
        return [one for one in self.scenes[stem]['objects']
                if one['change'] != gone]

    def shares(self, stem):
        cover = self.map('masks', stem)
        return {name: (cover == i).mean() for i, name in enumerate(COVERS)}


def side(one):
    x1, y1, x2, y2 = one['box']
    return min(x2 - x1, y2 - y1)


def records(root, split):
    folder = root / split / 'rsunivlm'
    if split == 'train':
        return lines(folder / 'instruct.jsonl')
    return [one for name in EVALUATIONS
            for one in lines(folder / f'eval_{name}.jsonl')]


def turns(record):
    question, answer = (turn['value'] for turn in record['conversations'])
    head, _, text = question.partition('\n')
    images = record['image']
    assert head == '<image>' * (1 if isinstance(images, str) else
                                len(images))
    return text.split('] ', 1)[1], answer


def cases(made, task):
    """Files, stem, record, question and answer of a task in both splits."""
    found = []
    for split in ('train', 'val'):
        files = Files(made / split)
        for record in records(made, split):
            if task_of(record['conversations'][0]['value']) == task:
                found.append((files, record['id'][:4], record,
                              *turns(record)))
    assert len(found) > 10
    return found


def present(name, files, stem):
    if name in COVERS and name not in KINDS:
        return files.shares(stem)[name] > 0
    return any(one['kind'] == name for one in files.objects(stem))


def test_vqa(made):
    kinds = Counter()
    for files, stem, record, question, answer in cases(made, 'VQA'):
        shares = files.shares(stem)
        if match := re.fullmatch(r'Is there (?:an? )?(.*?)(?: land)? in the '
                                 'image\\?', question):
            if match[1].startswith('more '):
                a, b = match[1][5:].split(' than ')
                assert abs(shares[a] - shares[b]) > .05
                wanted, kind = shares[a] > shares[b], 'comp'
            else:
                name = SINGULAR.get(match[1], match[1])
                wanted, kind = present(name, files, stem), 'presence'
            wanted = 'yes' if wanted else 'no'
        elif match := re.fullmatch('How many (.*) are there in the image\\?',
                                   question):
            name, kind = PLURAL[match[1]], 'count'
            some = [one for one in files.objects(stem)
                    if one['kind'] == name]
            assert all(side(one) >= MIN_SIDE for one in some)
            wanted = str(len(some))
        else:
            assert question == 'Is it a rural or an urban area?'
            wanted, kind = ('urban' if shares['building'] + shares['road']
                            >= .45 else 'rural'), 'rural_urban'
        assert answer == wanted, (stem, question)
        assert record.get('question_type', kind) == kind
        kinds[kind] += 1
    assert set(kinds) == {'presence', 'comp', 'count', 'rural_urban'}


def test_scene_class_and_caption(made):
    for _, stem, record, question, answer in cases(made, 'CLS'):
        assert answer == theme_of(SEED, int(stem))
        assert record.get('label', answer) == answer
        assert ', '.join(THEMES) in question
    for files, stem, record, _, answer in cases(made, 'CAP'):
        theme = theme_of(SEED, int(stem))
        assert f' {theme}' in answer
        counts = Counter(one['kind'] for one in files.objects(stem)
                         if side(one) >= MIN_SIDE)
        said = {SINGULAR.get(name) or PLURAL[name]: int(number) for
                number, name in re.findall(
                    r'(\d+) ((?:' + '|'.join(SINGULAR) + ')s?)', answer)}
        assert {name: counts[name] for name in said} == said
        assert len(said) == min(3, len(counts))
        assert answer in record.get('references', [answer])


def fits(phrase, objects):
    """All objects that an expression fits, however small."""
    phrase = phrase.removeprefix('the ').removeprefix('only ')
    name = next(word for word in sorted(SINGULAR, key=len, reverse=True)
                if re.search(rf'\b{word}\b', phrase))
    group = [one for one in objects if one['kind'] == SINGULAR[name]]
    rest = re.sub(rf'\b{name}\b', '', phrase, count=1).split()
    keys = dict(leftmost=lambda b: b[0] + b[2],
                rightmost=lambda b: -b[0] - b[2],
                largest=lambda b: -(b[2] - b[0]) * (b[3] - b[1]))
    if rest[0] in keys:
        return [min(group, key=lambda one: keys[rest[0]](one['box']))]
    if 'roof' in rest or len(rest) == 1:
        colour = rest[-2] if 'roof' in rest else rest[0]
        return [one for one in group if one['colour'] == colour]
    place = ' '.join(rest).removeprefix('in the').removesuffix(
        'of the image').strip()
    return [one for one in group
            if place == 'image' or region(one['box'], 128) == place]


def test_an_expression_fits_one_object(made):
    for files, stem, record, phrase, answer in cases(made, 'VG'):
        one, = fits(phrase, files.objects(stem))
        assert side(one) >= MIN_SIDE
        box, = decode_boxes(answer, (128, 128), dialect='rsunivlm').boxes
        assert np.abs(box - one['box']).max() <= .01 + 128 / 200
        if 'boxes' in record:
            assert record['boxes'] == [one['box']]
            alone = len([other for other in files.objects(stem)
                         if other['kind'] == one['kind']]) == 1
            assert record['unique'] == alone == ('the only' in phrase)


def test_a_region_is_named(made):
    for files, stem, _, question, answer in cases(made, 'REF'):
        box, = decode_boxes(question, (128, 128), dialect='rsunivlm').boxes
        near = [one for one in files.objects(stem)
                if np.abs(np.subtract(box, one['box'])).max() < .7]
        assert any(WORDS[one['kind']][0] in answer and one['colour'] in answer
                   for one in near)


def test_masks(made):
    asked = Counter()
    for files, stem, record, question, answer in cases(made, 'SEG'):
        change = not isinstance(record['image'], str)
        name = 'building' if change else next(
            name for name in COVERS if f' {name} in this image' in question)
        truth = files.map('changes', stem) == 1 if change else \
            files.map('masks', stem) == COVERS.index(name)
        found = decode_mask(answer, ('others', name), 8)
        assert found.valid and not found.repairs
        # Cell centres, between the pixels 7 and 8 of each 16.
        assert np.array_equal(found.mask, to_grid(
            truth.astype(np.uint8), 8))
        asked[name, bool(truth.any())] += not change
        if 'mask' in record:
            assert record['change'] == change
            assert record['classes'][record['class_index']] == name
            raster = cv2.imread(str(files.root / record['mask']), -1)
            assert np.array_equal(raster == record['class_index'], truth)
    assert {name for name, _ in asked} == set(COVERS) - {'background'}


def test_change_captions(made):
    said = Counter()
    for files, stem, record, _, answer in cases(made, 'CCD'):
        changed = bool(files.map('changes', stem).any())
        assert says_no_change(answer) == (not changed)
        assert record.get('changed', changed) == changed
        said[changed] += 1
        words = ('a building', 'two buildings', 'several buildings')
        for change, verbs in (
                ('added', 'appeared|built|added|more|now'),
                ('removed', 'disappeared|torn|removed|less|no longer')):
            some = [one for one in files.scenes[stem]['objects']
                    if one['kind'] == 'building' and
                    one['change'] == change]
            assert all(side(one) >= MIN_SIDE for one in some)
            told = [part for part in re.split(' and (?=a |two |several |in '
                                              '|there )', answer)
                    if re.search(rf'\b({verbs})\b', part)]
            assert len(told) == bool(some), answer
            if some:
                assert words[min(len(some), 3) - 1] in told[0]
                places = {region(one['box'], 128) for one in some}
                assert len(places) > 2 and 'whole image' in told[0] or all(
                    place in told[0] for place in places)
        if 'references' in record:
            assert len(set(record['references'])) == 5
            assert answer in record['references']
    assert min(said[True], said[False]) >= 3
    assert all(map(says_no_change, NO_CHANGE))


def test_changes_too_small_to_describe_are_not_described():
    counts = Counter()
    for index in range(60):
        view = view_of(build_scene(SEED, index, 256), 'x')
        if view.changed.any():
            parts = [item for item in view.objects
                     if item.kind == 'building' and item.change != 'none']
            clear = bool(parts) and all(item.clear for item in parts)
            assert bool(change_captions(view)) == clear
            counts[clear] += 1
        else:
            assert change_captions(view) == list(NO_CHANGE)
    assert counts[False] and counts[True]


def test_answers_are_balanced():
    """No question of presence is answered by a habit, no class preferred."""
    yes, masks = {name: [] for name in RATES}, Counter()
    for index in range(300):
        view = view_of(build_scene(1, index, 256), 'x')
        for item in image_items(view, Random(index)):
            if item.truth.get('question_type') == 'presence':
                name = re.sub('Is there (an? )?|( land)? in the image.', '',
                              item.question)
                yes[SINGULAR.get(name, name)].append(item.answer == 'yes')
        for item in training_masks(view, Random(index), 8):
            masks[item.truth['class_name'],
                  item.truth['class_name'] in item.answer] += 1
    for name, answers in yes.items():
        spread = 2.5 * (.25 / len(answers))**.5 + .03
        assert abs(np.mean(answers) - .5) < spread, name
    there = [masks[name, True] for name in COVERS[1:]]
    assert max(there) < 2.5 * min(there)
    assert 0 < sum(masks[name, False] for name in COVERS) < sum(there) / 2


def test_the_same_with_any_number_of_workers(made, tmp_path):
    other = make(tmp_path / 'data', usual=False, workers=3)
    for path in made.rglob('*'):
        if path.is_file():
            twin = other / path.relative_to(made)
            assert path.read_bytes() == twin.read_bytes(), path


def test_agrees_with_the_usual_files(tmp_path):
    """Same scenes, same objects, same cover; and nothing else changes."""
    both = make(tmp_path / 'both', scenes=4)
    plain = make_synthearth(tmp_path / 'plain', 4, 256, SEED, .5,
                            progress=False)
    for path in plain.rglob('*'):
        twin = both / path.relative_to(plain)
        if path.is_file() and path.name != 'manifest.json':
            assert path.read_bytes() == twin.read_bytes()
    for split in ('train', 'val'):
        files = Files(both / split)
        coco = json.loads((both / split / 'coco/annotations.json')
                          .read_text())
        names = {one['id']: one['name'] for one in coco['categories']}
        stems = {one['id']: one['file_name'][:4] for one in coco['images']}
        for stem in files.scenes:
            wanted = sorted(
                (names[one['category_id']],
                 *np.round(np.array(one['bbox']) / FACTOR, 1))
                for one in coco['annotations']
                if stems[one['image_id']] == stem
                and names[one['category_id']] in KINDS)
            found = sorted(
                (one['kind'], *np.round(np.subtract(
                    one['box'], [0, 0, *one['box'][:2]]), 1))
                for one in files.objects(stem))
            assert [one[0] for one in found] == [one[0] for one in wanted]
            for mine, other in zip(found, wanted):
                assert np.abs(np.subtract(mine[1:], other[1:])).max() < .15
            legend = cv2.imread(
                str(both / split / f'semseg/ann_dir/{stem}.png'), -1)
            cover = files.map('masks', stem)
            votes = np.stack([
                (legend == i + 1).reshape(128, 2, 128, 2).sum((1, 3))
                for i in range(7)])
            assert np.array_equal(votes.argmax(0), cover)
            whole = cv2.imread(
                str(both / split / f'change/label/{stem}.png'), -1)
            blocks = (whole > 0).reshape(128, 2, 128, 2).mean((1, 3))
            assert np.array_equal(blocks >= .5, files.map('changes', stem))
            image = cv2.imread(
                str(both / split / f'change/B/{stem}.png'))
            small = image.reshape(128, 2, 128, 2, 3).mean((1, 3))
            assert np.abs(files.map('later', stem) - small).max() <= 1


def test_dataset_reads_every_set(made):
    folder = made / 'val/rsunivlm'
    data = DATASETS.build(dict(
        type='InstructDataset', data_root=str(made / 'val'),
        ann_file='rsunivlm/eval.json', pipeline=[]))
    total = [lines(folder / f'eval_{name}.jsonl') for name in EVALUATIONS]
    assert all(total) and len(data) == sum(map(len, total))
    for name, some in zip(EVALUATIONS, total):
        assert {evaluation_of(one) for one in some} == {name}
    sample = data.get_data_info(0)
    assert sample['annotation']['question_type']
    assert all(cv2.imread(path) is not None for path in sample['img_paths'])
    # Training records give nothing away.
    record = lines(made / 'train/rsunivlm/instruct.jsonl')[0]
    assert set(record) == {'id', 'image', 'conversations'}


def test_settings(made, tmp_path, capsys):
    with pytest.raises(DataError, match='rsunivlm=True'):
        make_synthearth(tmp_path / 'a', 2, 256, usual=False, progress=False)
    with pytest.raises(DataError, match='mask_grid=1'):
        make(tmp_path / 'a', mask_grid=1)
    with pytest.raises(DataError, match='leave in_context out'):
        make(tmp_path / 'a', usual=False, in_context=True)
    with pytest.raises(DataError, match="'usual': False"):
        make(made)
    make(made, usual=False)
    assert 'already' in capsys.readouterr().out
    manifest = json.loads((made / 'manifest.json').read_text())
    assert manifest['usual'] is False and 'mask_grid' not in manifest
    fine = make(tmp_path / 'fine', scenes=2, usual=False, mask_grid=16)
    mask = next(one for one in lines(fine / 'val/rsunivlm/eval_seg.jsonl'))
    assert len(turns(mask)[1].splitlines()) == 16
