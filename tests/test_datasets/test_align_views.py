# Copyright (c) mmeo contributors. All rights reserved.
"""Pairs of an optical picture and views of a SAR image."""

import numpy as np
import pytest
import torch

from mmeo.datasets.band_stats import PRESETS
from mmeo.errors import ConfigError, DataError
from mmeo.registry import DATASETS, TRANSFORMS

SIDE = 40


def ramp(side: int = SIDE) -> np.ndarray:
    """``(side, side)``, a value of its own for each pixel, 0 to 1."""
    return np.arange(side * side, dtype=np.float32).reshape(
        side, side) / side**2


def make_sample(frames: int = 1, nodata: bool = False) -> dict:
    db = np.stack([-20 + 10 * ramp(), -25 + 10 * ramp()], -1)
    sar = dict(images=np.stack([db + 3 * i for i in range(frames)]),
               dates=np.arange(frames), gsd=10.)
    if nodata:
        sar['nodata'] = np.zeros((frames, SIDE, SIDE), bool)
        sar['nodata'][:, :, :5] = True
        sar['images'][:, :, :5] = 0
    colours = np.repeat((255 * ramp())[None, ..., None], 3, -1)
    return dict(place='somewhere', modalities=dict(
        s1=sar, hr=dict(images=colours.astype(np.uint8),
                        dates=np.array([7]), gsd=10.)))


def run(steps: list, results: dict) -> dict:
    for step in steps:
        results = TRANSFORMS.build(dict(step))(results)
    return results


def views_of(results: dict) -> list[np.ndarray]:
    return [crop['modalities']['s1']['images'][0]
            for crop in results['crops'] if crop['kind'] == 'sar']


def test_views_are_parts_and_the_optical_image_is_whole():
    sample = make_sample()
    whole = sample['modalities']['hr']['images'].copy()
    np.random.seed(0)
    results = run([dict(type='AlignViews', size=24, num_views=3)], sample)
    assert [crop['kind'] for crop in results['crops']] == [
        'sar', 'sar', 'sar', 'optical']
    optical = results['crops'][-1]['modalities']['hr']['images']
    np.testing.assert_allclose(optical, whole)
    for view in views_of(results):
        assert view.shape == (24, 24, 2)
        # Bands stay together, and values within those of the image.
        np.testing.assert_allclose(view[..., 0] - view[..., 1], 5, atol=1e-4)
        assert -20 <= view[..., 0].min() < view[..., 0].max() <= -10
    assert 'modalities' not in results


def test_share_of_the_area():
    """In an image of 40 rows, what rows a view shows tells its height."""
    np.random.seed(1)
    option = dict(type='AlignViews', size=64, num_views=1, flip_prob=0,
                  turn=False, aspect=(1, 1), scale=(0.25, 0.49))
    sides = []
    for _ in range(40):
        view, = views_of(run([option], make_sample()))
        rows = (view[..., 0] + 20) / 10 * SIDE  # row number and a bit
        sides.append(rows.max() - rows.min())
    # Sides are 0.5 to 0.7 of 40, and rows lie between centres of pixels.
    assert 18 < min(sides) < 22 and 25 < max(sides) < 29


def test_mirrored_and_turned():
    np.random.seed(2)
    option = dict(type='AlignViews', size=SIDE, num_views=1, scale=(1, 1),
                  aspect=(1, 1))
    corners = {tuple(np.round(views_of(run([option], make_sample()))[0][
        [0, 0, -1, -1], [0, -1, 0, -1], 0], 3)) for _ in range(60)}
    assert len(corners) == 8  # the symmetries of the square


def test_whole_views_draw_nothing():
    option = dict(type='AlignViews', size=SIDE, num_views=1, whole=True)
    state = np.random.get_state()[1].copy()
    sample = make_sample(frames=3)
    wanted = sample['modalities']['s1']['images'][0].copy()
    view, = views_of(run([option], sample))
    np.testing.assert_allclose(view, wanted)
    assert (np.random.get_state()[1] == state).all()


def test_views_take_frames_of_their_own():
    np.random.seed(3)
    option = dict(type='AlignViews', size=SIDE, num_views=2, scale=(1, 1),
                  aspect=(1, 1), flip_prob=0, turn=False)
    found = {tuple(round(float(view[0, 0, 0])) for view in views_of(
        run([option], make_sample(frames=2)))) for _ in range(30)}
    assert found == {(-20, -20), (-20, -17), (-17, -20), (-17, -17)}


def test_missing_pixels_have_no_weight():
    np.random.seed(4)
    results = run([dict(type='AlignViews', size=20, num_views=4),
                   dict(type='NormalizeBands'),
                   dict(type='PackAlignInputs')], make_sample(nodata=True))
    sar = results['inputs']['sar']
    assert sar.isfinite().all()
    # The mean of the statistics where there is no data, never 0 dB.
    assert (sar.abs() < 3).all()


def test_gain_and_speckle():
    np.random.seed(5)
    whole = dict(type='AlignViews', size=SIDE, num_views=2, whole=True)
    plain = views_of(run([whole], make_sample()))
    gains = []
    for _ in range(30):
        found = views_of(run([whole, dict(type='GainJitter', db=1.)],
                             make_sample()))
        shift = [f - p for f, p in zip(found, plain)]
        assert all(np.ptp(x) < 1e-4 for x in shift)  # all bands and pixels
        gains += [float(x.mean()) for x in shift]
    assert -1 <= min(gains) < -.7 and .7 < max(gains) <= 1
    # Gamma of 4 looks: power keeps its mean, with deviation of a half.
    noisy = views_of(run([whole, dict(type='Speckle', looks=4, prob=1.)],
                         make_sample()))
    ratio = 10**((np.stack(noisy) - np.stack(plain)) / 10)
    assert ratio.mean() == pytest.approx(1, abs=.03)
    assert ratio.std() == pytest.approx(.5, abs=.03)
    assert np.abs(noisy[0] - noisy[1]).max() > 1  # each view its own
    with pytest.raises(ConfigError, match='before `NormalizeBands`'):
        run([whole, dict(type='NormalizeBands'), dict(type='GainJitter')],
            make_sample())


def linear(sample: dict) -> dict:
    series = sample['modalities']['s1']
    series['images'] = 10**(series['images'] / 10)
    return sample


def test_linear_units():
    """Refused before noise makes them look like decibels, or converted."""
    steps = [dict(type='AlignViews', size=SIDE, num_views=1, whole=True),
             dict(type='Speckle', looks=4, prob=1.),
             dict(type='NormalizeBands')]
    with pytest.raises(DataError, match="somewhere, modality 's1': expected "
                       'backscatter in decibels .* power in linear units'):
        run(steps, linear(make_sample()))
    option = dict(steps[0], unit='linear')
    view, = views_of(run([option], linear(make_sample())))
    wanted, = views_of(run(steps[:1], make_sample()))
    np.testing.assert_allclose(view, wanted, atol=1e-4)
    # No power at all is no data.
    dark = linear(make_sample())
    dark['modalities']['s1']['images'][:, :9] = 0
    series = run([option], dark)['crops'][0]['modalities']['s1']
    assert series['nodata'][0, :9].all() and not series['nodata'][0, 9:].any()
    with pytest.raises(DataError, match='leave out'):
        run([option], make_sample())


def test_packed_pairs():
    np.random.seed(6)
    found = run([dict(type='AlignViews', size=24, optical_size=16),
                 dict(type='NormalizeBands'),
                 dict(type='PackAlignInputs')], make_sample())
    sar, optical = (found['inputs'][key] for key in ('sar', 'optical'))
    assert sar.shape == (2, 2, 24, 24) and optical.shape == (3, 16, 16)
    assert sar.dtype == optical.dtype == torch.float32
    assert found['data_samples'].place == 'somewhere'
    mean, std = (np.array(getattr(PRESETS['hr'], key))
                 for key in ('mean', 'std'))
    colours = optical.numpy() * std[:, None, None] + mean[:, None, None]
    assert 0 <= colours.min() and colours.max() <= 255
    with pytest.raises(ConfigError, match='put `AlignViews` before it'):
        run([dict(type='PackAlignInputs')], make_sample())
    with pytest.raises(ConfigError, match='put `NormalizeBands` before'):
        run([dict(type='AlignViews'), dict(type='PackAlignInputs')],
            make_sample())


def test_bad_views():
    sample = make_sample()
    del sample['modalities']['hr']
    with pytest.raises(DataError, match="somewhere: no image of 'hr'"):
        run([dict(type='AlignViews')], sample)
    for wrong in (dict(num_views=0), dict(scale=(.5, .2)), dict(unit='dn')):
        with pytest.raises(ConfigError, match='AlignViews'):
            TRANSFORMS.build(dict(type='AlignViews', **wrong))
    with pytest.raises(ConfigError, match='0 or more'):
        TRANSFORMS.build(dict(type='GainJitter', db=-1))


def test_rendered_picture():
    bands = np.zeros((1, 4, 4, 10), np.uint16)
    bands[..., 2], bands[..., 1], bands[..., 0] = 1500, 3000, 4000
    bands[:, 0, 0] = 9  # dark, not empty
    sample = dict(place='p', modalities=dict(s2=dict(
        images=bands, dates=np.array([0]), gsd=10.)))
    found = run([dict(type='RenderOptical')], sample)['modalities']
    assert list(found) == ['hr']
    np.testing.assert_allclose(found['hr']['images'][0, 1, 1],
                               [127.5, 255, 255])
    assert found['hr']['images'].shape == (1, 4, 4, 3)
    share = dict(place='p', modalities=dict(s2=dict(
        images=bands / 10000, dates=np.array([0]))))
    with pytest.raises(DataError, match="p, modality 's2'.*reflectance"):
        run([dict(type='RenderOptical')], share)
    with pytest.raises(ConfigError, match="has 'hr' already"):
        run([dict(type='RenderOptical')], make_sample())
    with pytest.raises(DataError, match="modality 's2': no image"):
        run([dict(type='RenderOptical')], dict(
            place='p', modalities={}))
    with pytest.raises(ConfigError, match='must rise'):
        TRANSFORMS.build(dict(type='RenderOptical', limits=(9, 9)))


def test_triplets_of_a_place(synthearth, repo_root):
    """The pipeline of the config on places with several frames."""
    from mmengine.config import Config
    cfg = Config.fromfile(
        repo_root / 'configs/_base_/datasets/skysense_triplets_align.py')
    for part, views in (('train', 2), ('val', 1)):
        option = cfg[f'{part}_dataloader'].dataset
        # SynthEarth's places are of 256 px, 8 of Sentinel-1.
        text = Config(dict(steps=option.pipeline)).pretty_text.replace(
            'hr=1024, s1=32', 'hr=256, s1=8')
        steps = Config.fromstring(text, '.py').steps
        dataset = DATASETS.build(dict(
            option, data_root=str(synthearth), ann_file='', pipeline=steps,
            data_prefix=dict(series='train/series')))
        found = dataset[0]['inputs']
        assert found['sar'].shape == (views, 2, 32, 32)
        assert found['optical'].shape == (3, 512, 512)
