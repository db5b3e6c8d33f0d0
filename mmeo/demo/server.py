# Copyright (c) mmeo contributors. All rights reserved.
"""Serve a page on this computer, and clean up behind it."""

import importlib.util
import ipaddress
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

from mmeo.errors import ConfigError

from .samples import copy_samples, draw_samples, read_samples


def demo(page: str, **options: Any) -> None:
    """Run ``mmeo demo``.

    Args:
        page (str): Which page; there is ``'prompt'``.
        **options: Of :func:`serve_prompt_page`, with ``model``, ``weights``,
            ``device`` and ``trust_checkpoint`` of
            :class:`~mmeo.apis.PromptInferencer`.
    """
    require_gradio()
    from mmeo.apis import PromptInferencer
    inferencer = PromptInferencer(
        options.pop('model'), options.pop('weights'),
        device=options.pop('device'),
        trust_checkpoint=options.pop('trust_checkpoint'))
    serve_prompt_page(inferencer, **options)


def serve_prompt_page(inferencer: Any,
                      port: int = 7860,
                      host: str = '127.0.0.1',
                      examples: Optional[str] = None,
                      max_pixels: float = 4e6,
                      max_upload_mb: float = 64) -> None:
    """Serve the page until interrupted.

    Args:
        inferencer (PromptInferencer): Holds the model.
        port (int): 0 takes any free one. Defaults to 7860.
        host (str): Address to listen on. Defaults to 127.0.0.1, which only
            this computer reaches.
        examples (str, optional): Folder of samples, see
            :func:`~mmeo.demo.samples.read_samples`. Defaults to those that
            SynthEarth draws.
        max_pixels (float): Of an image. Defaults to 4 million.
        max_upload_mb (float): Of a file. Defaults to 64.

    Raises:
        ConfigError: If gradio is missing or the port is taken.
    """
    with open_prompt_page(inferencer, port, host, examples, max_pixels,
                          max_upload_mb) as (blocks, address):
        print(f'The page is at {address} (Ctrl-C ends it).', flush=True)
        if not _is_local(host):
            print(f'warning: {host} can be reached by other computers; the '
                  'page has no password.', flush=True)
        # As at the end of a service, so that temporary files go.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while blocks.is_running:
            time.sleep(.5)


@contextmanager
def open_prompt_page(inferencer: Any, port: int, host: str,
                     examples: Optional[str], max_pixels: float,
                     max_upload_mb: float) -> Iterator[tuple[Any, str]]:
    """A page that is served while the context is open.

    Uploads, results and copies of the samples are in one temporary folder,
    which is removed at the end. Nothing is sent to any other computer.

    Yields:
        tuple: gradio's Blocks and the address of the page.
    """
    require_gradio()
    samples = None if examples is None else read_samples(
        Path(examples).expanduser())
    with tempfile.TemporaryDirectory(prefix='mmeo_demo_') as name:
        folder = Path(name)
        with _environment(folder / 'cache'):
            from .prompt_layout import css, theme
            from .prompt_page import PromptPage
            results = folder / 'results'
            results.mkdir()
            offered = draw_samples(folder / 'samples') if samples is None \
                else copy_samples(samples, folder / 'samples')
            blocks = PromptPage(inferencer, offered, results,
                                max_pixels).build()
            blocks.queue(max_size=16, default_concurrency_limit=1)
            try:
                address = _launch(
                    blocks, server_name=host, server_port=port or None,
                    max_file_size=int(max_upload_mb * 2**20), theme=theme(),
                    css=css())
                yield blocks, address
            finally:
                blocks.close(verbose=False)


def _launch(blocks: Any, **options: Any) -> str:
    try:
        _, address, _ = blocks.launch(
            share=False, inbrowser=False, quiet=True, ssr_mode=False,
            footer_links=[], enable_monitoring=False, mcp_server=False,
            pwa=False, prevent_thread_lock=True, **options)
    except OSError as error:
        raise ConfigError(
            f'the page cannot listen on {options["server_name"]}:'
            f'{options["server_port"]} ({error}): choose another --port, or '
            '0 for any free one.') from error
    return address


@contextmanager
def _environment(cache: Path) -> Iterator[None]:
    """What gradio reads from the environment: stay at home, keep tidy."""
    values = dict(GRADIO_ANALYTICS_ENABLED='False',
                  HF_HUB_DISABLE_TELEMETRY='1', GRADIO_TEMP_DIR=str(cache))
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def require_gradio() -> None:
    """Stop with the command that installs it.

    Raises:
        ConfigError: If gradio is missing.
    """
    if importlib.util.find_spec('gradio') is None:
        raise ConfigError('the page needs gradio, which is not installed: '
                          "`pip install -r requirements/optional.txt` or "
                          "`pip install 'mmeo[optional]'`.")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
