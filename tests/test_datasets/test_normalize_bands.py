# Copyright (c) mmeo contributors. All rights reserved.
"""Presets and units: what the network must never see is refused."""

import numpy as np
import pytest

from mmeo.datasets.band_stats import PRESETS
from mmeo.datasets.transforms import LoadRaster, NormalizeBands
from mmeo.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
DB = RNG.normal(-14, 4, (8, 8, 2)).astype(np.float32)
DN = RNG.integers(200, 4000, (8, 8, 10)).astype(np.uint16)
RGB = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)


def run(img, mask=None, **kwargs):
    return NormalizeBands(**kwargs)(
        dict(img=img, img_path='x.tif', nodata_mask=mask))['img']


@pytest.mark.parametrize('name, img', [('s1', DB), ('s2', DN), ('hr', RGB)])
def test_preset_is_mean_and_std(name, img):
    stats = PRESETS[name]
    np.testing.assert_allclose(
        run(img, preset=name),
        (img - np.array(stats.mean)) / np.array(stats.std), rtol=1e-4,
        atol=1e-5)


def test_s1_in_linear_units_raises_and_converts():
    power = 10**(DB / 10)
    with pytest.raises(DataError, match=r"linear units: set `unit='linear'`"):
        run(power, preset='s1')
    np.testing.assert_allclose(run(power, preset='s1', unit='linear'),
                               run(DB, preset='s1'), atol=1e-4)
    np.testing.assert_allclose(
        run(np.sqrt(power), preset='s1', unit='amplitude'),
        run(DB, preset='s1'), atol=1e-4)
    with pytest.raises(DataError, match='decibels: leave out'):
        run(DB, preset='s1', unit='linear')


def test_power_of_zero_is_no_data():
    power = 10**(DB / 10)
    power[0, 0, 0] = 0
    out = run(power, preset='s1', unit='linear')
    assert (out[0, 0] == 0).all() and np.isfinite(out).all()


@pytest.mark.parametrize('img, preset, match', [
    (np.tile(DB, 5), 's2', 'decibels, or values that were normalised'),
    (DN / 10000, 's2', "from 0 to 1: set `unit='reflectance'`"),
    (RGB / 255, 'hr', "from 0 to 1: set `unit='share'`"),
    (RGB.astype(float) * 16, 'hr', 'more than 8 bits'),
    ((RGB - 120.) / 60, 'hr', 'normalised before'),
    ((DN - 2000.) / 1000, 's2', 'normalised before'),
    (RNG.integers(50, 900, (8, 8, 2)), 's1', 'uncalibrated'),
    (np.full((8, 8, 2), -9999.), 's1', 'no decibels'),
])
def test_wrong_units_raise_with_what_was_found(img, preset, match):
    with pytest.raises(DataError, match=match) as error:
        run(img, preset=preset)
    assert 'x.tif' in str(error.value) and 'found values' in str(error.value)


@pytest.mark.parametrize('img, preset, unit', [
    (DN / 10000, 's2', 'reflectance'), (RGB / 255, 'hr', 'share')])
def test_shares_are_converted(img, preset, unit):
    scale = 10000 if preset == 's2' else 255
    np.testing.assert_allclose(run(img, preset=preset, unit=unit),
                               run(np.round(img * scale), preset=preset),
                               atol=1e-3)


def test_dark_but_possible_images_pass():
    assert run(np.zeros((4, 4, 3), np.uint8), preset='hr').max() < 0
    assert np.isfinite(run(np.full((4, 4, 10), 1, np.uint16),
                           preset='s2')).all()
    # Ships and flat-topped roofs: some pixels above 0 dB.
    bright = DB.copy()
    bright[0] = 12
    assert run(bright, preset='s1').max() > 4


def test_offset_of_baseline_0400():
    np.testing.assert_allclose(
        run(DN + 1000, preset='s2', offset=-1000), run(DN, preset='s2'),
        rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match='values for'):
        NormalizeBands(preset='s2', offset=[-1000, 0])


def test_bands_of_a_preset():
    out = run(DN[..., [2, 1, 0]], preset='s2', bands=['B4', 'B3', 'B2'])
    np.testing.assert_array_equal(out, run(DN, preset='s2')[..., [2, 1, 0]])
    with pytest.raises(ConfigError, match="no statistics of band.*B1'"):
        NormalizeBands(preset='s2', bands=['B1'])


def test_no_data_is_the_mean_and_nan_never_passes():
    img, mask = DB.copy(), np.zeros((8, 8), bool)
    img[2, 3] = np.nan
    with pytest.raises(DataError, match='NaN or infinity'):
        run(img, preset='s1')
    mask[2, 3] = True
    out = run(img, mask, preset='s1')
    assert (out[2, 3] == 0).all() and np.isfinite(out).all()


def test_no_data_is_left_out_of_the_check():
    img, mask = DB.copy(), np.zeros((8, 8), bool)
    mask[:4] = True
    img[:4] = -9999
    np.testing.assert_array_equal(run(img, mask, preset='s1')[4:],
                                  run(DB, preset='s1')[4:])


def test_all_sensors_at_once():
    def sample():
        return dict(place='p', modalities=dict(
            hr=dict(images=RGB[None]),
            s2=dict(images=np.stack([DN, DN + 1000]) + 0),
            s1=dict(images=10**(DB[None] / 10))))
    with pytest.raises(DataError, match="p, modality 's1'.*linear"):
        NormalizeBands()(sample())
    transform = NormalizeBands(modalities=dict(
        s1=dict(preset='s1', unit='linear')))
    out = transform(sample())
    for name, img in (('hr', RGB), ('s2', DN), ('s1', DB)):
        np.testing.assert_allclose(
            out['modalities'][name]['images'][0], run(img, preset=name),
            atol=1e-4)
    with pytest.raises(ConfigError, match='before `NormalizeBands`'):
        transform(out)  # twice
    with pytest.raises(ConfigError, match='no normalisation preset'):
        NormalizeBands()(dict(modalities=dict(lidar=dict(images=RGB[None]))))
    assert NormalizeBands(modalities=dict(hr='planet')).modalities[
        'hr'].unit == 'dn'


def test_arguments_that_do_not_fit():
    for kwargs, match in [
            (dict(preset='s2', mean=[1], std=[1]), 'either `preset`'),
            (dict(mean=[1]), 'both'),
            (dict(preset='s2', modalities=dict(s2='s2')), 'give no others'),
            (dict(preset='s1', unit='dn'), 'cannot be converted'),
            (dict(preset='s1', unit='decibel'), 'unknown unit')]:
        with pytest.raises(ConfigError, match=match):
            NormalizeBands(**kwargs)


@pytest.mark.parametrize('folder, bands, preset', [
    ('S2/Spain_7370579_S2Hand.tif', [2, 3, 4, 5, 6, 7, 8, 9, 12, 13], 's2'),
    ('S1/Spain_7370579_S1Hand.tif', None, 's1')])
def test_real_chip(real_sample, folder, bands, preset):
    """A Sen1Floods11 chip passes the checks and comes out standardised."""
    path = real_sample(f'ms_sar/sen1floods11/{folder}')
    results = NormalizeBands(preset=preset)(
        LoadRaster(bands=bands)(dict(img_path=str(path))))
    img, mask = results['img'], results['nodata_mask']
    assert np.isfinite(img).all() and not img[mask].any()
    assert np.abs(img[~mask].mean()) < 1.5 and .1 < img[~mask].std() < 2
    with pytest.raises(DataError):
        NormalizeBands(preset='s1' if preset == 's2' else 's2',
                       bands=None)(LoadRaster(
                           bands=[1, 2] if preset == 's2' else [1] * 10)(
                               dict(img_path=str(path))))


def test_a_mask_that_was_left_behind_by_a_crop():
    norm = NormalizeBands(preset='planet')
    mask = np.zeros((4, 4), bool)
    image = np.full((2, 2, 3), 900, np.float32)
    norm(dict(img=image.copy(), nodata_mask=mask))
    mask[3, 3] = True
    with pytest.raises(ConfigError, match='right behind the loader'):
        norm(dict(img=image.copy(), nodata_mask=mask))
