# Copyright (c) mmeo contributors. All rights reserved.
"""Classes, label images, change pairs, sensor pairs."""

import re

import numpy as np
import pytest

from mmeo.codecs import decode_boxes
from mmeo.datasets.instruct_converters.legend import load_legend
from mmeo.datasets.instruct_converters.regions import percent, regions
from mmeo.errors import ConfigError, DataError, MissingDataError


@pytest.fixture
def scenes(tmp_path, picture):
    for label in ('farm/dry_field', 'farm/paddy', 'town/SquarePark'):
        for i in range(6):
            picture(tmp_path / 'scenes' / label / f'{i}.png')
    return tmp_path / 'scenes'


NAMES = {'dry_field': 'dry field', 'paddy': 'paddy',
         'SquarePark': 'square park'}


def test_each_kind_asks_for_the_folder(scenes, convert):
    done = convert('classification', scenes, per_image=5, num_options=3,
                   kinds='open,options,list,check,steps')
    assert done.report.written == 18 * 5
    checks = []
    for record, (question, answer) in zip(done.records, done.pairs):
        name = NAMES[record['image'].split('/')[1]]
        if re.search(r'^A\. ', question, re.M):
            assert f'\n{answer}. {name}\n' in question
        elif '"' in question:
            shown = re.search('"(.+?)"', question)[1]
            assert answer.startswith('Yes' if shown == name else 'No')
            checks.append(shown == name)
        elif answer != name:  # step by step
            assert answer.index(record['image'].split('/')[0]) < \
                answer.index(name)
    assert 0 < sum(checks) < len(checks)


def test_renamed_classes_and_their_check(scenes, convert, write, tmp_path):
    names = write(tmp_path / 'names.json', {'paddy': 'rice paddy'})
    done = convert('classification', scenes, kinds='open',
                   class_names=str(names))
    assert set(done.answers) == {'dry field', 'rice paddy', 'square park'}
    write(names, {'padi': 'rice paddy'})
    with pytest.raises(ConfigError, match="'padi', which is no class"):
        convert('classification', scenes, class_names=str(names))


def test_classification_table_and_limits(scenes, convert, write, tmp_path,
                                         picture):
    table = write(tmp_path / 'm.csv', 'file,type\nfarm/paddy/0.jpg,CAFOs\n'
                  'town/SquarePark/1.png,Mines\n')
    done = convert('classification', table, image_root=scenes, kinds='open',
                   image_column='file', label_column='type')
    assert done.answers == ['cafos', 'mines']
    assert done.report.notes.total() == 1  # .png found for .jpg
    picture(scenes / 'loose.png')
    assert convert('classification', scenes).report.flaws == {
        'image lies in no class folder': 1}
    with pytest.raises(ConfigError, match='nested class folders'):
        convert('classification', scenes / 'farm', kinds='steps')


def label_map():
    """100 x 200: 50 % forest, 25 % water, 5 % road, 20 % no data."""
    mask = np.full((100, 200), 6, np.uint8)
    mask[:, 100:150] = 4
    mask[:, 150:190] = 0
    mask[:, 190:] = 3
    return mask


def test_segmentation_answers(tmp_path, picture, convert):
    picture(tmp_path / 'img_dir/a.png')
    picture(tmp_path / 'ann_dir/a.png', pixels=label_map())
    done = convert('segmentation', tmp_path, legend='loveda', per_image=50)
    shares = {}
    for question, answer in done.pairs:
        name = re.search('"(.+?)"', question)
        if name is None:
            # Shares are of the valid area: 62.5 %, 31 %, 6.2 %.
            assert answer in ('forest', 'forest, water, road')
        elif '%' in answer:
            shares[name[1]] = answer
        else:
            assert answer.startswith('Yes') == (name[1] in ('forest',
                                                            'water'))
    assert shares == {'forest': '62%', 'water': '31%', 'road': '6.2%'}


def test_segmentation_flaws(tmp_path, picture, convert):
    for name in 'abcd':
        picture(tmp_path / f'img_dir/{name}.png')
    picture(tmp_path / 'ann_dir/a.png', pixels=label_map())
    picture(tmp_path / 'ann_dir/b.png', pixels=label_map() + 2)
    picture(tmp_path / 'ann_dir/c.png', pixels=label_map()[:50])
    report = convert('segmentation', tmp_path, legend='loveda').report
    assert report.flaws == {'label value 8 is not in the legend': 1,
                            'label and image differ in size': 1,
                            'label missing': 1}


def test_colour_labels_beside_their_images(tmp_path, picture, convert):
    picture(tmp_path / '1_sat.jpg')
    colours = np.full((100, 200, 3), (3, 250, 255), np.uint8)  # not exact
    colours[:, :100] = (0, 0, 0)
    picture(tmp_path / '1_mask.png', pixels=colours)
    done = convert('segmentation', tmp_path, legend='deepglobe', labels='.',
                   image_end='_sat.jpg', label_end='_mask.png', kinds='main')
    assert done.answers == ['urban land']
    assert done.records[0]['image'] == '1_sat.jpg'


def test_legend_messages(tmp_path, write):
    with pytest.raises(MissingDataError, match='deepglobe,.* levir_mci, lov'):
        load_legend('nothing')
    for classes, message in (([{'value': 1}], '`classes` must be'),
                             ([{'name': 'a', 'value': 1},
                               {'name': 'b', 'color': [0, 0, 0]}], 'either')):
        path = write(tmp_path / 'l.json', dict(classes=classes))
        with pytest.raises(ConfigError, match=message):
            load_legend(str(path))


def test_regions_and_percent():
    mask = np.zeros((20, 30), bool)
    mask[2:8, 3:10] = mask[10:20, 20:30] = mask[0, 29] = True
    assert regions(mask, 5) == [[20, 10, 30, 20], [3, 2, 10, 8]]
    assert [percent(x) for x in (0, .0004, .062, .5)] == [
        '0%', 'less than 0.1%', '6.2%', '50%']


@pytest.fixture
def dates(tmp_path, picture):
    """One pair with two changed blocks, one without change."""
    label = np.zeros((100, 200), np.uint8)
    label[70:90, 150:190] = label[60:70, 100:110] = 255
    for name, mask in (('x', label), ('y', label * 0)):
        for date in 'AB':
            picture(tmp_path / f'pairs/{date}/{name}.png')
        picture(tmp_path / f'pairs/label/{name}.png', pixels=mask)
    return tmp_path / 'pairs'


def test_change_pairs(dates, convert):
    done = convert('change', dates, per_image=9)
    facts = {(r['image'][0], r['id'].split('change_')[1].rstrip('0123456789')):
             a for r, a in zip(done.records, done.answers)}
    assert all(r['image'] == [f'A/{r["id"][0]}.png', f'B/{r["id"][0]}.png']
               for r in done.records)
    assert facts['A/x.png', 'presence'].startswith('Yes')
    assert facts['A/x.png', 'share'] == '4.5%'
    assert facts['A/x.png', 'count'] == '2'
    assert facts['A/x.png', 'where'] == 'bottom right'
    np.testing.assert_allclose(
        decode_boxes(facts['A/x.png', 'boxes'], (100, 200)).boxes,
        [[150, 70, 190, 90], [100, 60, 110, 70]])
    assert facts['A/y.png', 'presence'].startswith('No')
    assert facts['A/y.png', 'share'] == '0%' and len(facts) == 7


def test_change_with_classes_and_lost_dates(dates, convert):
    done = convert('change', dates, legend='levir_mci', kinds='presence',
                   per_image=2)
    answers = {(r['image'][0], re.search('"(.+?)"', q)[1]): a[:2]
               for r, (q, a) in zip(done.records, done.pairs)}
    assert answers == {('A/x.png', 'road'): 'No', ('A/y.png', 'road'): 'No',
                       ('A/x.png', 'building'): 'Ye',
                       ('A/y.png', 'building'): 'No'}
    (dates / 'B/x.png').unlink()
    report = convert('change', dates).report
    assert report.flaws == {'image missing': 1}
    assert report.examples['image missing'] == str(dates / 'B/x.png')
    with pytest.raises(MissingDataError, match='--second'):
        convert('change', dates, second='im2')
    (dates / 'B/y.png').unlink()
    with pytest.raises(MissingDataError, match='correct --image-root'):
        convert('change', dates)
    (dates / 'A/x.png').unlink()
    (dates / 'A/y.png').unlink()
    with pytest.raises(DataError, match='no record was written'):
        convert('change', dates)


def test_radar_pairs_by_the_third_part_of_the_name(tmp_path, picture,
                                                   convert):
    for i in range(8):
        for sensor in ('s1', 's2'):
            picture(tmp_path / f'urban/{sensor}/ROIs1970_fall_{sensor}_1_p{i}'
                    '.png')
    picture(tmp_path / 'urban/s1/odd.png')
    done = convert('sen12_terrain', tmp_path, per_image=3)
    assert done.report.flaws == {'file name does not say s1': 1}
    places = set()
    for record, answer in zip(done.records, done.answers):
        images = record['image']
        if isinstance(images, str):
            assert '/s1/' in images and answer == 'urban area'
        elif answer != 'urban area':
            radar = [i for i, name in enumerate(images) if '/s1/' in name]
            assert len(radar) == 1
            assert ('first' in answer or '1' in answer) == (radar == [0])
            places.update(radar)
    assert places == {0, 1}
