# Copyright (c) mmeo contributors. All rights reserved.
"""SynthEarth from close up, and its render styles."""

import json

import numpy as np
import pytest
import rasterio

from mmeo.datasets.synthetic import make_synthearth
from mmeo.datasets.synthetic.classes import BUILDING_LEAVES, leaves_of
from mmeo.datasets.synthetic.in_context import majority, radar
from mmeo.datasets.synthetic.multispectral import radar_of
from mmeo.datasets.synthetic.optical import flight
from mmeo.datasets.synthetic.plan import FIRST
from mmeo.datasets.synthetic.raster import build_scene
from mmeo.datasets.synthetic.styles import ARID, STYLES, WINTER
from mmeo.errors import DataError


def read(path):
    with rasterio.open(path) as source:
        return source.read()


def make(out, **kwargs):
    return make_synthearth(out, 2, 256, 7, progress=False, **kwargs)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """One data set for each style and one without the option."""
    root = tmp_path_factory.mktemp('styles')
    sets = {name: make(root / name, in_context=True, style=name)
            for name in STYLES}
    return dict(sets, plain=make(root / 'plain'))


@pytest.fixture(scope='module')
def scenes():
    return [build_scene(3, index, 512) for index in range(9)]


def test_the_option_adds_files_and_changes_none(made):
    plain, more = contents(made['plain']), contents(made['default'])
    added = {path for path in more if '/incontext/' in path}
    assert len(added) == 2 * 3
    assert set(more) - added == set(plain)
    assert [path for path in plain if plain[path] != more[path]] == [
        'manifest.json']
    for name, known in (('plain', {}), ('default', dict(in_context=True)),
                        ('arid', dict(in_context=True, style='arid'))):
        manifest = json.loads((made[name] / 'manifest.json').read_text())
        assert {k: manifest[k] for k in ('in_context', 'style')
                if k in manifest} == known


def test_asking_for_more_than_there_is(made, capsys):
    with pytest.raises(DataError, match="'in_context': False.*--overwrite"):
        make(made['plain'], in_context=True)
    with pytest.raises(DataError, match="'style': 'arid'"):
        make(made['arid'])
    make(made['default'])  # holds all that is asked for
    assert 'already' in capsys.readouterr().out
    with pytest.raises(DataError, match='knows default, arid, winter'):
        make(made['plain'], style='lunar')


def test_files_share_one_grid(made):
    folder = made['default'] / 'train/incontext'
    wanted = dict(optical=(3, 'uint8'), sar=(2, 'float32'),
                  labels=(1, 'uint8'))
    with rasterio.open(made['default'] / 'train/series/0000/hr.tif') as hr:
        for name, (bands, dtype) in wanted.items():
            with rasterio.open(folder / f'{name}/0000.tif') as source:
                assert source.bounds == hr.bounds and source.crs == hr.crs
                assert source.shape == (64, 64)
                assert source.res == (1.25, 1.25)
                assert (source.count, source.dtypes[0]) == (bands, dtype)
    hr = read(made['default'] / 'train/series/0000/hr.tif')
    mean = hr.reshape(3, 64, 4, 64, 4).mean((2, 4))
    assert np.abs(read(folder / 'optical/0000.tif') - mean).max() <= 1


def test_majority_is_the_commonest_leaf():
    rng = np.random.default_rng(0)
    leaves = rng.choice([1, 5, 44], (24, 24), p=[.4, .4, .2]
                        ).astype(np.uint8)
    for y, row in enumerate(majority(leaves)):
        for x, found in enumerate(row):
            cell = leaves[4 * y:4 * y + 4, 4 * x:4 * x + 4].ravel()
            assert found == np.bincount(cell).argmax()


def test_styles_share_their_outlines_and_differ_in_look(made):
    def of(name, kind):
        return read(made[name] / f'train/incontext/{kind}/0000.tif')

    for name in ('arid', 'winter'):
        assert np.array_equal(of(name, 'labels'), of('default', 'labels'))
        for kind, least in (('optical', 8), ('sar', .3)):
            apart = of(name, kind) - of('default', kind).astype(float)
            assert np.abs(apart).mean() > least
    for folder in ('dota/labelTxt', 'coco'):
        for path in (made['default'] / 'train' / folder).iterdir():
            other = made['arid'] / 'train' / folder / path.name
            assert path.read_bytes() == other.read_bytes()


def test_styles_are_what_they_say():
    for index in range(6):
        usual, dry, cold = (build_scene(5, index, 256, style)
                            for style in STYLES.values())
        assert np.array_equal(usual.ids[FIRST], dry.ids[FIRST])
        assert (dry.surfaces.cover(200) <= usual.surfaces.cover(200)).all()
        soil = (usual.surfaces['material'] == 0) & np.isin(
            usual.surfaces['leaf'], leaves_of('bare land'))
        assert (dry.surfaces['red'][soil] > usual.surfaces['red'][soil]
                ).all()
        assert (cold.surfaces['red'][soil] < usual.surfaces['red'][soil]
                ).all()
        low, high = np.radians(WINTER.elevation)
        assert low <= flight(cold, FIRST).elevation <= high
        assert ARID.days[0][0] <= flight(dry, FIRST).day < ARID.days[0][1]
        roofs = {thing.colour for thing in dry.plan.things
                 if thing.name == 'building'}
        assert roofs <= {*ARID.pitched, *ARID.flat}


def test_radar_agrees_with_the_backscatter_of_the_series(scenes):
    """What walls add and shadow takes away leaves area means alone."""
    here, wanted, leaves = [], [], []
    for scene in scenes:
        power = 10**(radar(scene) / 10) - 5e-4
        table = radar_of(scene, scene.rng(50)).power(
            scene.surfaces.cover(flight(scene, FIRST).day), 0.0)
        series = table[scene.ids[FIRST]]  # (512, 512, 2)
        series = series.reshape(128, 4, 128, 4, 2).mean((1, 3))
        here.append(power.transpose(1, 2, 0).reshape(-1, 2))
        wanted.append(series.reshape(-1, 2))
        leaves.append(majority(scene.leaves(FIRST)).ravel())
    here, wanted = np.concatenate(here), np.concatenate(wanted)
    leaves = np.concatenate(leaves)
    for group in ('water', 'vegetation', 'agriculture', 'transport'):
        chosen = np.isin(leaves, leaves_of(group))
        apart = 10 * np.log10(here[chosen].mean(0) / wanted[chosen].mean(0))
        assert np.abs(apart).max() < 1.5, group
    apart = 10 * np.log10(here.mean(0) / wanted.mean(0))
    assert np.abs(apart).max() < 2
    assert (here[:, 1] < here[:, 0]).mean() > .85


def test_walls_shine_and_roofs_throw_shadow(scenes):
    """Along range a building begins bright and ends dark."""
    steps = []
    for scene in scenes:
        power = 10**(radar(scene)[0] / 10)
        solid = np.isin(majority(scene.leaves(FIRST)), BUILDING_LEAVES)
        left = power[:, :-1][solid[:, 1:] & ~solid[:, :-1]]
        right = power[:, 1:][solid[:, :-1] & ~solid[:, 1:]]
        if min(len(left), len(right)) > 30:
            steps.append(abs(10 * np.log10(left.mean() / right.mean())))
    assert len(steps) >= 4 and min(steps) > 6


def test_speckle_of_a_style(scenes):
    """Fewer looks, more speckle: over water, which is even."""
    spread = []
    for style in (STYLES['default'], ARID):
        values = []
        for index in range(9):
            scene = build_scene(3, index, 512, style)
            leaves = majority(scene.leaves(FIRST))
            sea = leaves == leaves_of('sea')[0]
            if sea.sum() > 2000:
                # Quartiles, as ships shine into pixels at their side.
                low, high = np.percentile(radar(scene)[0][sea], (25, 75))
                values.append(high - low)
        spread.append(np.mean(values))
    assert spread[1] > spread[0] * 1.1
