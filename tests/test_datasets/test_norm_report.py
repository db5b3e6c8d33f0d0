# Copyright (c) mmeo contributors. All rights reserved.
"""Measured statistics, the block they become, and checks of all places."""

import json
import runpy
import shutil
import sys

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from mmeo.datasets.band_meter import BandMeter
from mmeo.datasets.norm_report import Sampling, norm_report
from mmeo.datasets.norm_text import config_block
from mmeo.datasets.transforms import NormalizeBands
from mmeo.errors import DataError

RNG = np.random.default_rng(0)
ALL = Sampling(windows=0)


def write(path, image, nodata=None, **kwargs):
    with rasterio.open(
            path, 'w', driver='GTiff', count=len(image), dtype=image.dtype,
            height=image.shape[1], width=image.shape[2], nodata=nodata,
            crs='EPSG:32631', transform=Affine(10, 0, 0, 0, -10, 0)) as dst:
        dst.write(image)
    return str(path)


def decibels(shape=(2, 70, 90), low=-15.):
    return RNG.normal(low, 4, shape).astype(np.float32)


def test_report_equals_numpy(tmp_path):
    images = [decibels(low=-14 - i) for i in range(5)]
    images[1][:, :10] = np.nan
    paths = [write(tmp_path / f'{i}.tif', image)
             for i, image in enumerate(images)]
    (report, ) = norm_report(dict(s1=paths), ALL)
    values = np.concatenate([i.reshape(2, -1) for i in images], 1).astype(
        np.float64)
    np.testing.assert_allclose(report.meter.mean, np.nanmean(values, 1))
    np.testing.assert_allclose(report.meter.std, np.nanstd(values, 1))
    np.testing.assert_allclose(report.meter.low, np.nanmin(values, 1))
    assert report.meter.missing == pytest.approx(900 / (5 * 6300))
    points = report.meter.percentiles()
    np.testing.assert_allclose(
        points, np.nanpercentile(values, (1, 25, 50, 75, 99), axis=1),
        atol=.5)
    assert (report.found, report.unit, report.files) == ('db', 'db', 5)
    assert not report.warnings


def test_windows_are_seeded_and_independent_of_order(tmp_path):
    paths = [write(tmp_path / f'{i}.tif', decibels((2, 200, 200)))
             for i in range(3)]
    some = Sampling(windows=2, side=50, seed=1)
    (a, ), (b, ) = (norm_report(dict(s1=p), some)
                    for p in (paths, paths[::-1]))
    (c, ) = norm_report(dict(s1=paths), Sampling(windows=2, side=50, seed=2))
    assert a.meter.pixels == 3 * 2 * 2500
    np.testing.assert_allclose(a.meter.mean, b.meter.mean)
    np.testing.assert_allclose(a.meter.std, b.meter.std)
    assert not np.allclose(a.meter.mean, c.meter.mean)


def test_linear_power_is_recognised_and_measured_in_decibels(tmp_path):
    image = decibels()
    path = write(tmp_path / 'a.tif', 10**(image / 10))
    (report, ) = norm_report(dict(s1=[path]), ALL)
    assert (report.found, report.unit) == ('linear', 'db')
    np.testing.assert_allclose(report.meter.mean, image.mean((1, 2)),
                               atol=1e-3)
    assert "unit='linear'" in report.warnings[0]
    block = eval(config_block([report]))  # noqa: S307  our own text
    out = NormalizeBands(**{k: v for k, v in block.items() if k != 'type'})(
        dict(modalities=dict(s1=dict(images=10**(
            image.transpose(1, 2, 0)[None] / 10)))))
    images = out['modalities']['s1']['images']
    assert np.abs(images.mean((0, 1, 2))).max() < 1e-3
    assert np.abs(images.std((0, 1, 2)) - 1).max() < 1e-3


def test_block_of_rasters_of_unknown_sensor(tmp_path):
    image = RNG.integers(300, 9000, (4, 50, 50)).astype(np.uint16)
    (report, ) = norm_report(dict(image=[write(tmp_path / 'a.tif', image)]),
                             ALL)
    block = eval(config_block([report]))  # noqa: S307
    assert block.pop('type') == 'NormalizeBands' and block['unit'] == 'dn'
    out = NormalizeBands(**block)(dict(img=image.transpose(1, 2, 0)))['img']
    assert np.abs(out.mean((0, 1))).max() < 1e-3
    assert np.abs(out.std((0, 1)) - 1).max() < 1e-3


def test_warnings_name_what_is_far(tmp_path):
    dn = RNG.integers(1200, 9000, (10, 60, 60)).astype(np.uint16)
    bad = tmp_path / 'b.tif'
    bad.write_text('no raster')
    three = write(tmp_path / 'c.tif', dn[:3])
    (report, ) = norm_report(
        dict(s2=[write(tmp_path / 'a.tif', dn), str(bad), three]), ALL)
    text = '\n'.join(report.warnings)
    assert report.files == 1 and len(report.errors) == 2
    assert '2 file(s) could not be read' in text and 'b.tif' in text
    assert 'B2 (' in text and 'documented 884.3' in text
    assert 'offset=-1000' in text
    with pytest.raises(DataError, match='none of 1 files'):
        norm_report(dict(s2=[str(bad)]))


def test_meters_merge_in_any_order():
    values = RNG.normal(3, 2, (1000, 3))
    whole, parts = BandMeter(3), BandMeter(3)
    whole.add(values, 1000, RNG)
    for part in np.split(values, [10, 10, 700]):
        parts.add(part, len(part), RNG)
    np.testing.assert_allclose(whole.mean, parts.mean)
    np.testing.assert_allclose(whole.std, parts.std)
    np.testing.assert_allclose(whole.std, values.std(0))


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', ['check_dataset.py', *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path('tools/check_dataset.py', run_name='__main__')
    return ended.value.code


def test_tool_checks_places_and_measures(synthearth, tmp_path, monkeypatch,
                                         repo_root, capsys):
    monkeypatch.chdir(repo_root)
    series = synthearth / 'val/series'
    out = tmp_path / 'report.json'
    assert run(monkeypatch, series, '--json', out) in (0, None)
    report = json.loads(out.read_text())
    assert report['places'] == 1 and not report['errors']
    assert report['frames']['s2']['total'] == 5
    assert report['sizes'] == {'8x8': 1} and report['largest_shift'] == 0
    assert run(monkeypatch, series, '--norm-report', '--json', out) in (
        0, None)
    text = capsys.readouterr().out
    assert "type='NormalizeBands'" in text and 's1=dict(' in text
    names = [s['name'] for s in json.loads(out.read_text())['sensors']]
    assert sorted(names) == ['hr', 's1', 's2']


def test_tool_reports_every_bad_place(synthearth, tmp_path, monkeypatch,
                                      repo_root, capsys):
    monkeypatch.chdir(repo_root)
    for name in ('a', 'b', 'c'):
        shutil.copytree(synthearth / 'train/series/0000', tmp_path / name)
    for name, shift in (('a', 1e6), ('b', 10)):
        path = next((tmp_path / name).glob('s1_*.tif'))
        with rasterio.open(path, 'r+') as dst:
            t = dst.transform
            dst.transform = Affine(t.a, 0, t.c + shift, 0, t.e, t.f)
    assert run(monkeypatch, tmp_path) == 2
    text = capsys.readouterr().out
    assert '3 places' in text and '1 cannot be used' in text
    assert 'ERROR' in text and 'no overlap' in text
    assert 'cropped to the common extent: 1;' in text


def test_tool_measures_one_sensor_of_places(synthearth, tmp_path, monkeypatch,
                                            repo_root, capsys):
    monkeypatch.chdir(repo_root)
    series, out = synthearth / 'val/series', tmp_path / 'report.json'
    assert run(monkeypatch, series, '--norm-report', '--modality', 's1',
               '--nodata', '-99', '--bands', '2', '--json', out) in (0, None)
    sensor, = json.loads(out.read_text())['sensors']
    assert sensor['name'] == 's1' and len(sensor['bands']) == 1
    capsys.readouterr()
    # Bands of which sensor?
    assert run(monkeypatch, series, '--norm-report', '--bands', '2') == 2
    assert 'name it by --modality' in capsys.readouterr().err
