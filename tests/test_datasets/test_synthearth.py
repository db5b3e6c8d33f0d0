# Copyright (c) mmeo contributors. All rights reserved.
"""Making SynthEarth: determinism, settings, interruption, geometry."""

import math
import runpy

import cv2
import numpy as np
import pytest

from mmeo.datasets.synthetic import (
    contact_sheet,
    make_synthearth,
    split_files,
)
from mmeo.datasets.synthetic.annotations import annotate
from mmeo.datasets.synthetic.classes import BUILDING_LEAVES
from mmeo.datasets.synthetic.geometry import (
    area,
    box_around,
    clip_to_square,
    rect,
)
from mmeo.datasets.synthetic.multispectral import shares, speckled
from mmeo.datasets.synthetic.optical import render_rgb
from mmeo.datasets.synthetic.plan import FIRST, MOVABLE, SECOND
from mmeo.datasets.synthetic.raster import build_scene, to_metres, to_pixels
from mmeo.datasets.synthetic.scene_files import LEGEND
from mmeo.datasets.synthetic.scenes import THEMES, theme_of
from mmeo.errors import DataError, MissingDataError


def make(out, scenes=3, size=128, seed=3, **kwargs):
    return make_synthearth(out, scenes, size, seed, progress=False, **kwargs)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp('made'))


def test_same_seed_same_bytes(made, tmp_path):
    """Whatever the number of processes; and another seed differs."""
    wanted = contents(made)
    assert len(wanted) > 60
    again = contents(make(tmp_path / 'again', workers=2))
    assert again.keys() == wanted.keys()
    assert [k for k in wanted if wanted[k] != again[k]] == []
    other = contents(make(tmp_path / 'other', seed=4, scenes=2))
    image = 'train/dota/images/0000.png'
    assert other[image] != wanted[image]


def test_scene_does_not_depend_on_count(made, tmp_path):
    fewer = contents(make(tmp_path / 'fewer', scenes=2))
    wanted = contents(made)
    own = [k for k in fewer if '/0000' in k or '_0000_' in k]
    assert len(own) > 15
    assert all(fewer[k] == wanted[k] for k in own)


def test_made_again_does_nothing(made, capsys):
    before = {p: p.stat().st_mtime_ns for p in made.rglob('*')}
    make(made)
    assert 'already' in capsys.readouterr().out
    assert before == {p: p.stat().st_mtime_ns for p in made.rglob('*')}


def test_other_settings_stop_unless_overwritten(tmp_path):
    out = make(tmp_path / 'data', scenes=2)
    with pytest.raises(DataError, match='--overwrite'):
        make(out, scenes=2, seed=9)
    make(out, scenes=2, seed=9, overwrite=True)
    assert contents(out) == contents(make(tmp_path / 'fresh', scenes=2,
                                          seed=9))


def test_interrupted_run_looks_incomplete(tmp_path, monkeypatch):
    out = tmp_path / 'data'
    original = split_files.write_scene

    def fails_late(root, scene, *args):
        if scene.index == 1:
            raise KeyboardInterrupt
        return original(root, scene, *args)

    monkeypatch.setattr(split_files, 'write_scene', fails_late)
    with pytest.raises(KeyboardInterrupt):
        make(out)
    assert not (out / 'manifest.json').exists()
    assert not (out / 'train').exists()
    monkeypatch.undo()
    make(out)
    assert (out / 'manifest.json').exists()
    assert len(list(out.glob('*/dota/images/*.png'))) == 3
    assert not [p for p in out.iterdir() if p.name.startswith('.')]


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('years of work')
    with pytest.raises(DataError, match='thesis.tex'):
        make(tmp_path)
    (tmp_path / 'manifest.json').write_text('[]')
    with pytest.raises(DataError, match='not written by SynthEarth'):
        make(tmp_path, overwrite=True)
    assert (tmp_path / 'thesis.tex').exists()


@pytest.mark.parametrize('bad', [
    dict(size=100), dict(size=96), dict(seed=-1), dict(scenes=1),
    dict(workers=0), dict(val_fraction=1.0)])
def test_senseless_settings(tmp_path, bad):
    with pytest.raises(DataError, match='='):
        make(tmp_path / 'data', **bad)
    assert not (tmp_path / 'data').exists()


def test_command_line(made, tmp_path, repo_root, monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr('sys.argv', ['make_synthearth.py', *args])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(repo_root / 'tools/dataset_converters/'
                               'make_synthearth.py'), run_name='__main__')
        return stop.value.code

    args = ['--out', str(tmp_path / 'data'), '--scenes', '3', '--seed', '3',
            '--contact-sheet', str(tmp_path / 'sheet.jpg')]
    assert run(*args, '--size', '128') == 0
    assert '3/3' in capsys.readouterr().err  # the progress bar
    assert contents(tmp_path / 'data') == contents(made)
    assert cv2.imread(str(tmp_path / 'sheet.jpg')).shape[0] > 3 * 256
    assert run(*args, '--size', '256') == 1
    message = capsys.readouterr().err
    assert message.startswith('error:') and '--overwrite' in message


def test_contact_sheet_needs_data(tmp_path):
    with pytest.raises(MissingDataError, match='make_synthearth.py'):
        contact_sheet(tmp_path, tmp_path / 'sheet.png')


def test_every_round_holds_all_themes():
    for start in (0, len(THEMES)):
        themes = [theme_of(5, start + i) for i in range(len(THEMES))]
        assert sorted(themes) == sorted(THEMES)


@pytest.fixture(scope='module')
def drawn():
    """One scene of each theme."""
    return [build_scene(11, index, 256) for index in range(len(THEMES))]


def test_scenes_hold_objects_of_many_classes(drawn):
    names = [{item.name for item in annotate(scene)} - {'building'}
             for scene in drawn]
    assert len(set().union(*names)) >= 8
    assert sum(len(annotate(scene)) for scene in drawn) > 100
    assert all(names)


def test_change_is_where_building_layers_differ(drawn):
    """Nothing but added or removed buildings changes their layer."""
    more = [build_scene(12, index, 256) for index in range(27)]
    for scene in drawn + more:
        before, after = scene.buildings(FIRST), scene.buildings(SECOND)
        moved = [i for i, t in enumerate(scene.plan.things)
                 if t.name == 'building' and t.when in (FIRST, SECOND)]
        mask = np.zeros(before.shape, np.uint8)
        for index in moved:
            if scene.visible[index]:
                cv2.fillPoly(mask, [np.int32(np.round(
                    scene.visible[index]))], 1)
        allowed = cv2.dilate(mask, np.ones((5, 5))) > 0
        assert not ((before != after) & ~allowed).any()
        if moved and mask.sum() > 200:
            assert (before != after).any()
        # Movable things and seasons never count as building change.
        leaves = scene.leaves(FIRST)
        assert np.array_equal(np.isin(leaves, BUILDING_LEAVES), before)


def test_no_object_goes_unlabelled(drawn):
    """Every vehicle, ship and aircraft pixel lies in an annotated box."""
    for scene in drawn:
        mask = np.zeros((256, 256), np.uint8)
        for item in annotate(scene):
            if item.name in MOVABLE:
                cv2.fillPoly(mask, [np.int32(np.round(item.polygon))], 1)
        allowed = cv2.dilate(mask, np.ones((5, 5))) > 0
        things = scene.surfaces['leaf'].astype(int)
        movable = np.isin(scene.ids[FIRST], np.flatnonzero(
            np.isin(things, [22, 23, 24, 25])))
        assert (movable & ~allowed).sum() <= .01 * max(movable.sum(), 1)


def test_later_date_looks_different_but_same_place(drawn):
    for scene in drawn[:4]:
        a = render_rgb(scene, FIRST).astype(float)
        b = render_rgb(scene, SECOND).astype(float)
        assert 2 < np.abs(a - b).mean() < 70
        grey = [cv2.resize(x.mean(-1), (64, 64), interpolation=cv2.INTER_AREA)
                for x in (a, b)]
        assert np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1] > .3


def test_colour_alone_does_not_tell_the_class():
    """Nearest class colour of one scene set fails on another."""
    samples = []
    for seed in (1, 2):
        colours, labels = [], []
        for index in range(len(THEMES)):
            scene = build_scene(seed, index, 128)
            legend = LEGEND[scene.leaves(FIRST)]
            colours.append(render_rgb(scene, FIRST).reshape(-1, 3)[::7])
            labels.append(legend.ravel()[::7])
        samples.append((np.concatenate(colours).astype(float),
                        np.concatenate(labels)))
    (train, truth), (test, wanted) = samples
    kinds = np.unique(truth)
    centres = np.stack([train[truth == k].mean(0) for k in kinds])
    nearest = kinds[((test[:, None] - centres)**2).sum(-1).argmin(1)]
    scores = []
    for kind in range(1, 8):
        both = ((nearest == kind) & (wanted == kind)).sum()
        either = ((nearest == kind) | (wanted == kind)).sum()
        scores.append(both / max(either, 1))
    assert np.mean(scores) < .5


def test_area_shares_sum_to_one(drawn):
    table = shares(drawn[0])
    assert table.shape == (64, len(drawn[0].surfaces))
    assert np.allclose(table.sum(1), 1)


def test_speckle_keeps_the_mean_and_has_its_looks():
    power = np.full((2, 300, 300), .05)
    level = speckled(power, np.random.default_rng(0))
    linear = 10**(level / 10) - 5e-4
    assert linear.mean() == pytest.approx(.05, rel=.01)
    assert linear.mean()**2 / linear.var() == pytest.approx(4.4, rel=.05)


def test_bent_frame_and_back(drawn):
    scene = next(s for s in drawn if abs(s.plan.bend) > 0)
    rng = np.random.default_rng(0)
    local = rng.uniform(-30, 30, (50, 2))
    pixels = to_pixels(local, scene.plan, 256) - .5
    x, y = to_metres(pixels[:, 0], pixels[:, 1], scene.plan, 256)
    assert np.abs(np.stack([x, y], 1) - local).max() < .6
    # The stated direction is that of a short step along x.
    for u, v in local[:10]:
        a, b = to_pixels(np.array([[u, v], [u + .01, v]]), scene.plan, 256)
        angle = math.atan2(b[1] - a[1], b[0] - a[0])
        stated = scene.plan.turn + scene.plan.bent(u, v)
        assert math.cos(angle - stated) > 1 - 1e-5


def test_clipping():
    box = rect(0, 0, 20, 20)
    assert area(clip_to_square(box, 100)) == pytest.approx(100)
    assert clip_to_square(rect(-30, 0, 20, 20), 100) == []
    inside = rect(50, 50, 20, 10, .3)
    assert clip_to_square(inside, 100) is inside
    diamond = rect(0, 50, 20, 20, math.pi / 4)
    assert area(clip_to_square(diamond, 100)) == pytest.approx(200)


@pytest.mark.parametrize('angle', [0.0, .4, 2.0, -1.1])
def test_box_around(angle):
    outline = rect(30, 40, 12, 5, angle)
    box = box_around(outline, angle)
    assert area(box) == pytest.approx(60)
    assert np.allclose(np.sort(np.array(box), 0), np.sort(outline, 0))
