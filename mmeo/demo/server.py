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
from dataclasses import dataclass, fields
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Optional

from mmeo.errors import ConfigError


@dataclass(frozen=True)
class PageKind:
    """A page that can be served.

    Args:
        page (str): Class below :mod:`mmeo.demo`, ``'module:Class'``, imported
            when it is served, for it needs gradio.
        inferencer (str): Class in :mod:`mmeo.apis`.
    """

    page: str
    inferencer: str


PAGES = {
    'prompt': PageKind('prompt_page:PromptPage', 'PromptInferencer'),
    'chat': PageKind('chat_page:ChatPage', 'ChatInferencer'),
}


@dataclass
class Serving:
    """How a page is served.

    Args:
        port (int): 0 takes any free one. Defaults to 7860.
        host (str): Address to listen on. Defaults to 127.0.0.1, which only
            this computer reaches.
        examples (str, optional): Folder of samples, see
            :func:`~mmeo.demo.samples.read_samples`. Defaults to those that
            SynthEarth draws.
        max_pixels (float): Of an image. Defaults to 4 million.
        max_upload_mb (float): Of a file. Defaults to 64.
    """

    port: int = 7860
    host: str = '127.0.0.1'
    examples: Optional[str] = None
    max_pixels: float = 4e6
    max_upload_mb: float = 64


def demo(page: str, **options: Any) -> None:
    """Run ``mmeo demo``: serve a page until interrupted.

    Args:
        page (str): Key of :data:`PAGES`.
        **options: Of :class:`Serving`, and of the page's inferencer.

    Raises:
        ConfigError: If gradio is missing or the port is taken.
        UserError: If the model or the samples cannot be used.
    """
    require_gradio()
    from mmeo import apis
    serving = Serving(**{field.name: options.pop(field.name)
                         for field in fields(Serving)
                         if field.name in options})
    inferencer = getattr(apis, PAGES[page].inferencer)(**options)
    with open_page(page, inferencer, serving) as (blocks, address):
        print(f'The page is at {address} (Ctrl-C ends it).', flush=True)
        if not _is_local(serving.host):
            print(f'warning: {serving.host} can be reached by other '
                  'computers; the page has no password.', flush=True)
        # As at the end of a service, so that temporary files go.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while blocks.is_running:
            time.sleep(.5)


@contextmanager
def open_page(name: str, inferencer: Any, serving: Serving
              ) -> Iterator[tuple[Any, str]]:
    """A page that is served while the context is open.

    Uploads, results and copies of the samples are in one temporary folder,
    which is removed at the end. Nothing is sent to any other computer.

    Args:
        name (str): Key of :data:`PAGES`.
        inferencer: Holds the model.
        serving (Serving): How.

    Yields:
        tuple: gradio's Blocks and the address of the page.
    """
    require_gradio()
    with tempfile.TemporaryDirectory(prefix='mmeo_demo_') as place:
        folder = Path(place)
        with _environment(folder / 'cache'):
            kind = resolve_name(f'mmeo.demo.{PAGES[name].page}')
            page = kind.open(inferencer, folder, serving.examples,
                             serving.max_pixels)
            blocks = page.build()
            blocks.queue(max_size=16, default_concurrency_limit=1)
            try:
                address = _launch(blocks, page.css(), serving)
                yield blocks, address
            finally:
                blocks.close(verbose=False)


def _launch(blocks: Any, css: str, serving: Serving) -> str:
    from .look import theme
    try:
        _, address, _ = blocks.launch(
            server_name=serving.host, server_port=serving.port or None,
            max_file_size=int(serving.max_upload_mb * 2**20), theme=theme(),
            css=css, share=False, inbrowser=False, quiet=True,
            ssr_mode=False, footer_links=[], enable_monitoring=False,
            mcp_server=False, pwa=False, prevent_thread_lock=True)
    except OSError as error:
        raise ConfigError(
            f'the page cannot listen on {serving.host}:{serving.port} '
            f'({error}): choose another --port, or 0 for any free one.'
        ) from error
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
