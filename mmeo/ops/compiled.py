# Copyright (c) mmeo contributors. All rights reserved.
"""Where compiled builds of mmcv are kept, and how to load one for a test.

A wheel of onedl-mmcv with compiled ops fits one version of mmcv, torch and
Python, one platform and one CUDA. pip's own cache knows only some of these,
so builds are kept in a cache of ours under a key that holds all of them.
"""

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.machinery import ExtensionFileLoader
from importlib.metadata import PackageNotFoundError, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from mmeo.errors import DataError
from mmeo.ops.standin import EXT, StandinModule

MMCV = 'onedl-mmcv'
_EXT_FILE = re.compile(r'mmcv/_ext[^/]*\.(so|pyd)')


def cache_root() -> Path:
    """``$XDG_CACHE_HOME/mmeo/wheels``, by default below ``~/.cache``."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'mmeo' / 'wheels'


def cuda_build() -> str:
    """CUDA of a build made here: ``'cpu'``, or e.g. ``'cu130-sm90'``.

    CUDA ops need nvcc to compile and a GPU to compile for; where either is
    missing, the CPU ops are what can be built and used.
    """
    import torch
    if not (torch.version.cuda and torch.cuda.is_available()):
        return 'cpu'
    from torch.utils.cpp_extension import CUDA_HOME
    nvcc = Path(CUDA_HOME or '', 'bin', 'nvcc')
    if not (CUDA_HOME and nvcc.is_file()):
        return 'cpu'
    text = subprocess.run([str(nvcc), '--version'], capture_output=True,
                          text=True).stdout
    release = re.search(r'release (\d+)\.(\d+)', text)
    number = ''.join(release.groups()) if release else 'unknown'
    archs = {torch.cuda.get_device_capability(i)
             for i in range(torch.cuda.device_count())}
    names = [f'sm{major}{minor}' for major, minor in sorted(archs)]
    return '-'.join([f'cu{number}', *names])


def wheel_key(mmcv_version: str | None = None,
              torch_version: str | None = None, python: str | None = None,
              platform: str | None = None, cuda: str | None = None) -> str:
    """Folder name of a build; each argument defaults to what is here.

    Args:
        mmcv_version (str, optional): E.g. ``'2.3.6'``.
        torch_version (str, optional): With its local part, e.g.
            ``'2.12.1+cu130'``: builds of one release differ.
        python (str, optional): E.g. ``'cp311'``.
        platform (str, optional): E.g. ``'linux_x86_64'``.
        cuda (str, optional): See :func:`cuda_build`.

    Returns:
        str: E.g. ``'mmcv-2.3.6_torch-2.12.1+cu130_cp311_linux_x86_64_cpu'``.
    """
    if torch_version is None:
        import torch
        torch_version = str(torch.__version__)
    if python is None:
        abi = getattr(sys, 'abiflags', '')
        python = f'cp{sys.version_info[0]}{sys.version_info[1]}{abi}'
    platform = platform or sysconfig.get_platform()
    platform = platform.replace('-', '_').replace('.', '_')
    mmcv_version = mmcv_version or version(MMCV)
    cuda = cuda or cuda_build()
    return f'mmcv-{mmcv_version}_torch-{torch_version}_{python}_{platform}_' \
        f'{cuda}'


def extension_in(wheel: Path) -> str | None:
    """Name of the compiled module inside a wheel, or None if it has none.

    Raises:
        DataError: If the file is not a readable wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f'{wheel}: not a readable wheel ({error}); delete it '
                        'and run `make ops` again') from error
    return next((name for name in names if _EXT_FILE.fullmatch(name)), None)


def cached_wheel(key: str | None = None) -> Path | None:
    """Wheel with compiled ops kept under ``key`` (default: what fits here)."""
    folder = cache_root() / (key or wheel_key())
    wheels = sorted(folder.glob('onedl_mmcv-*.whl'))
    return next((wheel for wheel in wheels if extension_in(wheel)), None)


def _load_from(wheel: Path) -> ModuleType:
    """Load the extension of a wheel without installing it."""
    name = extension_in(wheel)
    stat = wheel.stat()
    stamp = hashlib.sha256(
        f'{stat.st_size}-{stat.st_mtime_ns}'.encode()).hexdigest()[:12]
    target = wheel.parent / f'extracted-{stamp}' / Path(name).name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        # written beside and moved, for another process may do the same
        part = target.with_suffix(f'.{os.getpid()}')
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as source:
            with part.open('wb') as sink:
                shutil.copyfileobj(source, sink)
        part.replace(target)
    # The last part of the name chooses the init function inside the file.
    full_name = 'mmeo_compiled_mmcv._ext'
    if full_name in sys.modules:
        return sys.modules[full_name]
    loader = ExtensionFileLoader(full_name, str(target))
    module = module_from_spec(
        spec_from_file_location(full_name, target, loader=loader))
    loader.exec_module(module)
    sys.modules[full_name] = module
    return module


def load_compiled() -> ModuleType | None:
    """The compiled ops, beside whichever ops mmcv itself uses.

    Returns:
        ModuleType | None: ``mmcv._ext`` where mmcv was compiled; else the
        same module out of a wheel kept by ``tools/build_ops.py``; else None.
    """
    import torch  # noqa: F401  (the extension links against it)
    if not isinstance(sys.modules.get(EXT), StandinModule):
        try:
            return importlib.import_module(EXT)
        except ImportError:
            pass  # absent, or broken: a wheel of the right kind may be kept
    try:
        wheel = cached_wheel() or cached_wheel(wheel_key(cuda='cpu'))
    except PackageNotFoundError:
        return None
    return _load_from(wheel) if wheel else None
