# Copyright (c) mmeo contributors. All rights reserved.
"""A visitor in Chromium: uploads, asks, clicks, compares, downloads."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rasterio

from mmeo.demo.server import Serving, open_page

pytestmark = pytest.mark.slow
pytest.importorskip('gradio')
playwright = pytest.importorskip('playwright.sync_api')
FLAGS = ('--headless=new --no-sandbox --disable-gpu --disable-quic '
         '--no-first-run --disable-background-networking '
         '--disable-component-update --disable-sync').split()
WAIT = 60_000  # ms; browsers without a GPU take their time


@pytest.fixture
def visit(scripted_chat: Any) -> Iterator[Any]:
    """The page in a browser, and the addresses it asked for."""
    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    if chromium is None:
        pytest.skip('no chromium')
    with open_page('chat', scripted_chat, Serving(
            0, max_pixels=1e5)) as (_, address):
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium,
                                             args=FLAGS)
            page = browser.new_page(viewport=dict(width=1440, height=1100))
            page.set_default_timeout(WAIT)
            page.addresses = []
            page.on('request', lambda r: page.addresses.append(r.url))
            page.goto(address)
            wait_for(page, 'sample is ready')
            yield page
            browser.close()
    assert not [url for url in page.addresses if not url.startswith(
        (address.rstrip('/'), 'data:', 'blob:'))]


def wait_for(page: Any, text: str, where: str = '#status') -> None:
    """Wait until the page says so."""
    playwright.expect(page.locator(where)).to_contain_text(text, timeout=WAIT)


def upload(page: Any, name: str, path: str, said: str) -> None:
    clear = page.locator(f'#{name}-file button[aria-label="Clear"]')
    if clear.count():
        clear.click()
        playwright.expect(clear).to_have_count(0)
    page.locator(f'#{name}-file input[type=file]').set_input_files(path)
    wait_for(page, said)


def ask(page: Any, task: str, question: str, number: int) -> None:
    """Choose a task, type, press, wait for the answer of that number."""
    page.locator('#task label').filter(has_text=task).click()
    page.locator('#question textarea').fill(question)
    page.locator('#ask').click()
    wait_for(page, f'Answer {number} of {number}', '#caption')


def download(page: Any, kind: str, path: Path) -> Path:
    with page.expect_download() as sent:
        page.locator(f'#{kind}-file').click()
    sent.value.save_as(path)
    return path


def test_a_georeferenced_image(visit: Any, images: dict[str, str],
                               tmp_path: Path) -> None:
    upload(visit, 'first', images['optical'], '96 × 64 pixels')
    ask(visit, '[VG]', 'the pier', 1)
    wait_for(visit, 'box 1: 24.0, 32.0, 72.0, 64.0', '#chat')
    visit.screenshot(path=tmp_path / 'boxes.png')
    playwright.expect(visit.locator('#geotiff-file')).to_be_disabled()
    visit.locator('#task label').filter(has_text='[SEG]').click()
    visit.locator('#names input, #names textarea').fill('building, road')
    ask(visit, '[SEG]', 'Where are they?', 2)
    wait_for(visit, '0.61 ha', '#table')
    visit.screenshot(path=tmp_path / 'mask.png')
    found = json.loads(download(visit, 'geojson', tmp_path / 'a.geojson')
                       .read_text())['features']
    assert [one['properties']['label'] for one in found] == ['building']
    with rasterio.open(download(visit, 'geotiff', tmp_path / 'a.tif')) as map:
        assert map.crs.to_epsg() == 32631
        assert map.read(1).sum() == 32 * 48
    # The answer that is clicked is the one that is shown and handed out.
    visit.locator('#chat .message').filter(has_text='box 1').first.click()
    wait_for(visit, 'Answer 1 of 2', '#caption')
    found = json.loads(download(visit, 'geojson', tmp_path / 'b.geojson')
                       .read_text())['features']
    assert [one['properties']['box'] for one in found] == [[24, 32, 72, 64]]
    visit.screenshot(path=tmp_path / 'clicked.png')


def test_errors_lose_nothing_and_text_is_text(visit: Any, tmp_path: Path
                                              ) -> None:
    ask(visit, 'Free question', '<img src=x onerror="document.title=1">', 1)
    wait_for(visit, '<img src=x', '#chat')
    wait_for(visit, 'a <b>town</b> by the *sea*', '#chat')
    assert visit.title() == 'Talk about an image'
    visit.locator('#task label').filter(has_text='[CCD]').click()
    visit.locator('#question textarea').fill('What?')
    visit.locator('#ask').click()
    wait_for(visit, 'load a second image')
    assert visit.locator('#question textarea').input_value() == 'What?'
    bad = tmp_path / 'bad.png'
    bad.write_text('hello')
    visit.locator('#second-file input[type=file]').set_input_files(bad)
    wait_for(visit, 'bad.png is no picture')
    wait_for(visit, 'by the *sea*', '#chat')
    playwright.expect(visit.locator('#second-file')).not_to_contain_text(
        'bad')
    visit.screenshot(path=tmp_path / 'error.png')


def test_two_dates_and_a_new_dialogue(visit: Any, scripted_chat: Any,
                                      tmp_path: Path) -> None:
    visit.locator('#sample-3').click()
    wait_for(visit, 'sample is ready')
    playwright.expect(visit.locator('#before img')).to_be_visible()
    visit.locator('#question textarea').press('Enter')
    wait_for(visit, 'Answer 1 of 1', '#caption')
    assert scripted_chat.asked[-1][1:] == (['building'], 2)
    visit.wait_for_timeout(1000)
    visit.screenshot(path=tmp_path / 'side.png')
    visit.get_by_text('Slider').click()
    playwright.expect(visit.locator('#slider img').first).to_be_visible()
    playwright.expect(visit.locator('#before')).to_be_hidden()
    visit.wait_for_timeout(1000)
    visit.screenshot(path=tmp_path / 'slider.png')
    visit.locator('#renew').click()
    wait_for(visit, 'A new dialogue')
    assert 'Answer' not in visit.locator('#caption').inner_text()
    wait_for(visit, 'before, then after', '#caption')
