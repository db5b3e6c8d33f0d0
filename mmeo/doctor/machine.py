# Copyright (c) mmeo contributors. All rights reserved.
"""Checks of compiled code, devices, drivers and disk."""

import os
from collections.abc import Iterator
from pathlib import Path

from mmeo.doctor.check import FAIL, OK, WARN, Check, Environment, reason

DRIVERS = ('GTiff', 'COG', 'PNG')
LEAST_FREE = 2 * 2**30


def check_ops(env: Environment) -> Iterator[Check]:
    """Compiled ops of mmcv: there, stood in for, or broken."""
    try:
        status = env.load('mmeo.ops').ops_status()
    except Exception as error:
        yield Check(FAIL, 'mmcv ops', reason(error), 'reinstall mmcv: pip '
                    'install --no-cache-dir --no-deps --force-reinstall '
                    'onedl-mmcv, or compile its ops: make ops')
        return
    what, _, fix = status.removeprefix('broken:').partition('Fix:')
    if status.startswith('broken'):
        yield Check(FAIL, 'mmcv ops', what.strip(' .'), fix.strip())
    elif status == 'compiled':
        yield Check(OK, 'mmcv ops', 'compiled')
    else:
        yield Check(OK, 'mmcv ops', 'torch stand-ins; `make ops` compiles '
                    'the faster ones')


def check_raster(env: Environment) -> Iterator[Check]:
    """GDAL's drivers, and a georeferenced round trip in memory."""
    fix = "pip install --force-reinstall --no-deps 'rasterio>=1.4'"
    try:
        rasterio = env.load('rasterio')
        known = env.load('rasterio.drivers').raster_driver_extensions()
        env.load('pyogrio')
    except Exception as error:
        yield Check(FAIL, 'rasterio', reason(error),
                    "pip install 'rasterio>=1.4' pyogrio")
        return
    missing = [name for name in DRIVERS
               if name != 'COG' and name not in known.values()]
    try:
        _round_trip(rasterio, env.load('rasterio.io').MemoryFile,
                    env.load('numpy'))
        _cog(rasterio, env.load('rasterio.io').MemoryFile, env.load('numpy'))
    except Exception as error:
        yield Check(FAIL, 'rasterio', f'{rasterio.__version__} cannot write '
                    f'and read a GeoTIFF: {reason(error)}', fix)
        return
    if missing:
        yield Check(FAIL, 'rasterio', f'{rasterio.__version__} lacks the '
                    f'drivers {", ".join(missing)}', fix)
    else:
        yield Check(OK, 'rasterio', f'{rasterio.__version__}, GDAL '
                    f'{rasterio.__gdal_version__}: GeoTIFF, COG, PNG')


def _round_trip(rasterio, memory_file, np) -> None:
    data = np.arange(24, dtype='uint16').reshape(2, 3, 4)
    transform = rasterio.Affine(10, 0, 500000, 0, -10, 4000000)
    profile = dict(driver='GTiff', count=2, height=3, width=4,
                   dtype='uint16', crs='EPSG:32633', transform=transform)
    with memory_file() as memory:
        with memory.open(**profile) as raster:
            raster.write(data)
        with memory.open() as raster:
            same = (raster.read() == data).all()
            placed = (raster.crs.to_epsg() == 32633
                      and raster.transform == transform)
    if not (same and placed):
        raise RuntimeError('the copy differs from the original')


def _cog(rasterio, memory_file, np) -> None:
    with memory_file() as memory, memory.open(
            driver='COG', count=1, height=8, width=8, dtype='uint8',
            crs='EPSG:4326',
            transform=rasterio.Affine(1, 0, 10, 0, -1, 50)) as raster:
        raster.write(np.zeros((1, 8, 8), 'uint8'))


def check_cuda(env: Environment) -> Iterator[Check]:
    try:
        torch = env.load('torch')
    except Exception:
        return  # reported by the check of torch
    built = torch.version.cuda
    if not torch.cuda.is_available():
        if built and Path('/proc/driver/nvidia/version').exists():
            yield Check(
                FAIL, 'CUDA', f'there is an NVIDIA driver, and torch (built '
                f'for CUDA {built}) cannot use it', 'compare `nvidia-smi` '
                f'with CUDA {built}: update the driver, or install torch '
                'for an older CUDA (TORCH_INDEX=https://download.pytorch.org/'
                'whl/cu126 make install)')
        else:
            yield Check(OK, 'CUDA', 'none: everything runs on the CPU')
        return
    archs = torch.cuda.get_arch_list()
    for index in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(index)
        major, minor = torch.cuda.get_device_capability(index)
        memory = torch.cuda.get_device_properties(index).total_memory
        what = f'CUDA device {index}'
        # Code for sm_XY runs on any later minor of the same major.
        fits = any(int(arch[3:-1]) == major and int(arch[-1]) <= minor
                   for arch in archs if arch.startswith('sm_')
                   and arch[3:].isdigit())
        if not fits:
            yield Check(FAIL, what, f'{name} (sm_{major}{minor}) is not '
                        f'among {", ".join(archs)} of this torch',
                        'install a torch built for it, see '
                        'https://pytorch.org/get-started/locally')
            continue
        bf16 = 'bf16' if major >= 8 else 'no bf16: --amp uses fp16'
        yield Check(OK, what, f'{name}, {memory / 2**30:.0f} GiB, CUDA '
                    f'{built}, {bf16}')


def check_disk(env: Environment) -> Iterator[Check]:
    cache = Path(os.environ.get('XDG_CACHE_HOME', '~/.cache')).expanduser()
    for what, folder in (('disk, here', Path.cwd()),
                         ('disk, cache', cache)):
        free = env.free_bytes(folder)
        detail = f'{free / 2**30:.1f} GiB free at {folder}'
        if free < LEAST_FREE:
            yield Check(WARN, what, detail, 'checkpoints and data sets need '
                        'more: free some, or work on another disk '
                        '(--work-dir)')
        else:
            yield Check(OK, what, detail)


def check_mmeo(env: Environment) -> Iterator[Check]:
    """Where mmeo is, and its ``.mim`` folder."""
    folder = env.package_folder()
    version = env.version('mmeo')
    if version is None:
        yield Check(WARN, 'mmeo', f'used from {folder.parent} without being '
                    'installed: the command `mmeo` is missing',
                    'pip install --no-build-isolation --no-deps -e .')
    else:
        yield Check(OK, 'mmeo', f'{version} in {folder.parent}')
    configs = folder / '.mim' / 'configs'
    if configs.is_dir():
        yield Check(OK, 'mmeo/.mim', 'configs and tools found by `mim` and '
                    "by `_base_ = 'mmeo::…'`")
    else:
        broken = ' (a dangling link)' if configs.is_symlink() else ''
        yield Check(WARN, 'mmeo/.mim', f'no {configs}{broken}: `mim` and '
                    "`_base_ = 'mmeo::…'` find no configs",
                    'pip install --no-build-isolation --no-deps -e .')
