# Copyright (c) mmeo contributors. All rights reserved.
"""A visitor in Chromium: loads, types, paints, runs, downloads."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from mmeo.apis import PromptInferencer
from mmeo.demo.server import Serving, open_page

pytestmark = pytest.mark.slow
pytest.importorskip('gradio')
playwright = pytest.importorskip('playwright.sync_api')
FLAGS = ('--headless=new --no-sandbox --disable-gpu --disable-quic '
         '--no-first-run --disable-background-networking '
         '--disable-component-update --disable-sync').split()
WAIT = 60_000  # ms; browsers without a GPU take their time


class Listening(PromptInferencer):
    """Remembers what it was asked."""

    asked: list[dict] = []

    def __call__(self, *args: Any, **kwargs: Any) -> dict:
        self.asked.append(kwargs)
        return super().__call__(*args, **kwargs)


@pytest.fixture
def visit(inferencer: PromptInferencer) -> Iterator[Any]:
    """The page in a browser, and the addresses it asked for."""
    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    if chromium is None:
        pytest.skip('no chromium')
    Listening.asked.clear()
    listening = Listening(inferencer.model, device='cpu')
    serving = Serving(0, max_pixels=1e6, max_upload_mb=1)
    with open_page('prompt', listening, serving) as (_, address):
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium,
                                             args=FLAGS)
            page = browser.new_page(viewport=dict(width=1440, height=1500))
            page.set_default_timeout(WAIT)
            page.addresses = []
            page.on('request', lambda r: page.addresses.append(r.url))
            page.goto(address)
            wait_for(page, 'sample is ready')
            page.wait_for_selector('#editor canvas')
            yield page
            browser.close()
    assert not [url for url in page.addresses if not url.startswith(
        (address.rstrip('/'), 'data:', 'blob:'))]


def wait_for(page: Any, text: str) -> None:
    """Wait until the page says so."""
    playwright.expect(page.locator('#status')).to_contain_text(
        text, timeout=WAIT)


def paint(page: Any, start: tuple[int, int], end: tuple[int, int]) -> None:
    """A stroke from and to places relative to the middle of the canvas."""
    box = page.locator('#editor canvas').first.bounding_box()
    x, y = box['x'] + box['width'] / 2, box['y'] + box['height'] / 2
    page.mouse.move(x + start[0], y + start[1])
    page.mouse.down()
    page.mouse.move(x + end[0], y + end[1], steps=12)
    page.mouse.up()


def choose_brush(page: Any, number: int) -> None:
    page.locator('#editor button[aria-label="Color"]').click()
    page.locator('#editor menu button').nth(number - 1).click()


def upload(page: Any, name: str, path: str, said: str) -> None:
    page.locator(f'#{name}-file button[aria-label="Clear"]').click()
    page.locator(f'#{name}-file input[type=file]').set_input_files(path)
    wait_for(page, said)


def test_the_sample_runs_as_it_is(visit: Any, tmp_path: Path) -> None:
    visit.locator('#run').click()
    wait_for(visit, 'Done')
    asked, = Listening.asked
    assert asked['text'][:2] == ['harbour water', 'ship']
    assert len(asked['text']) == 6
    assert asked['mode'] == 'fused'
    shares = np.bincount(asked['mask'][0].ravel(), minlength=7)
    # 9705 and 1278 pixels are water and ship on that scene.
    assert shares[1:3].tolist() == [9705, 1278]
    table = visit.locator('#table').inner_text()
    assert 'harbour water' in table and ' ha' in table
    with visit.expect_download() as download:
        visit.locator('#map-file').click()
    download.value.save_as(tmp_path / 'map.tif')
    with rasterio.open(tmp_path / 'map.tif') as result:
        assert result.crs.to_epsg() == 32631 and result.shape == (128, 128)
        assert set(np.unique(result.read(1))) <= set(range(7))
    with visit.expect_download() as download:
        visit.locator('#picture-file').click()
    assert download.value.suggested_filename.endswith('.png')


def test_what_is_painted_and_typed_is_asked(visit: Any,
                                            images: dict[str, str]) -> None:
    upload(visit, 'example', images['optical'], 'Example of 96 × 64')
    visit.wait_for_timeout(3000)  # the canvas takes up the new picture
    visit.locator('#name-1 textarea, #name-1 input').fill('roof')
    visit.locator('#name-2 textarea, #name-2 input').fill('wet_road')
    for number in range(3, 7):  # of the sample
        visit.locator(
            f'#name-{number} textarea, #name-{number} input').fill('')
    visit.get_by_text('Radar').last.click()
    upload(visit, 'target', images['radar'], 'Target of 96 × 64')
    visit.get_by_text('Example only').click()
    paint(visit, (-100, -60), (100, -60))
    choose_brush(visit, 2)
    paint(visit, (-50, 60), (50, 60))
    visit.locator('#run').click()
    wait_for(visit, 'Done')
    asked, = Listening.asked
    assert asked['text'] == ['roof', 'wet road']
    assert asked['mode'] == 'visual' and asked['modality'] == 's1'
    mask, = asked['mask']
    assert mask.shape == (64, 96) and set(np.unique(mask)) == {0, 1, 2}
    first, second = (np.argwhere(mask == number) for number in (1, 2))
    # Both lie in the middle, one above it, twice as long.
    for pixels in (first, second):
        assert abs(pixels[:, 1].mean() - 47.5) < 3
    assert first[:, 0].max() < 32 < second[:, 0].min()
    assert 1.5 < np.ptp(first[:, 1]) / np.ptp(second[:, 1]) < 2.2


def test_errors_are_sentences(visit: Any, images: dict[str, str]) -> None:
    visit.get_by_text('Radar').last.click()
    wait_for(visit, 'band')
    upload(visit, 'target', images['linear'], 'decibels')
    visit.locator('#run').click()
    wait_for(visit, 'linear.tif: expected backscatter')
    assert 'Traceback' not in visit.locator('body').inner_text()
    assert not Listening.asked
