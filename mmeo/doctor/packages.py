# Copyright (c) mmeo contributors. All rights reserved.
"""Checks of the interpreter and the installed packages."""

from collections.abc import Iterator

from mmeo.doctor.check import (
    FAIL,
    OK,
    WARN,
    Check,
    Environment,
    number,
    reason,
)

PYTHON_MIN, PYTHON_TESTED = (3, 10), (3, 12)
TORCH_MIN, TORCH_END = (2, 6), (2, 14)
# distribution -> (lowest version, what it is imported as); the bounds are
# those of requirements/mminstall.txt, which a test compares
STACK = {
    'onedl-mmengine': ('0.10.12', 'mmengine'),
    'onedl-mmcv': ('2.3.6', 'mmcv'),
    'onedl-mmdetection': ('3.5.1', 'mmdet'),
    'onedl-mmsegmentation': ('1.4.2', 'mmseg'),
    'onedl-mmpretrain': ('1.3.6', 'mmpretrain'),
    'onedl-mmrotate': ('1.2.1', 'mmrotate'),
}
# The originals that install the same import names
UPSTREAM = {
    'onedl-mmengine': ('mmengine', 'mmengine-lite'),
    'onedl-mmcv': ('mmcv', 'mmcv-full', 'mmcv-lite'),
    'onedl-mmdetection': ('mmdet', ),
    'onedl-mmsegmentation': ('mmsegmentation', ),
    'onedl-mmpretrain': ('mmpretrain', 'mmcls'),
    'onedl-mmrotate': ('mmrotate', ),
}


def check_python(env: Environment) -> Iterator[Check]:
    version = env.python()
    text = '.'.join(map(str, version))
    if version[:2] < PYTHON_MIN:
        yield Check(FAIL, 'Python', text, 'make a new environment with '
                    'Python 3.10 - 3.12: rm -rf .venv; make install '
                    'PYTHON=python3.11')
    elif version[:2] > PYTHON_TESTED:
        yield Check(WARN, 'Python', f'{text} is newer than the tested 3.10 '
                    '- 3.12', 'if something fails to install, use Python '
                    '3.11 or 3.12')
    else:
        yield Check(OK, 'Python', text)


def check_torch(env: Environment) -> Iterator[Check]:
    version = env.version('torch')
    install = 'pip install -r requirements/torch.txt'
    if version is None:
        yield Check(FAIL, 'torch', 'not installed', install)
        return
    try:
        env.load('torch')
    except Exception as error:
        yield Check(FAIL, 'torch', f'{version} does not import: '
                    f'{reason(error)}', f'{install} --force-reinstall')
        return
    if not TORCH_MIN <= number(version, 2) < TORCH_END:
        yield Check(FAIL, 'torch', f'{version} is outside the supported '
                    '>=2.6,<2.14', install)
    else:
        yield Check(OK, 'torch', version)


def check_torchvision(env: Environment) -> Iterator[Check]:
    version = env.version('torchvision')
    torch_version = env.version('torch')
    fix = ('install the pair from one index: pip install -r '
           'requirements/torch.txt')
    if version is None:
        yield Check(FAIL, 'torchvision', 'not installed; mmpretrain and '
                    'mmrotate import it without declaring it', fix)
        return
    # torch 2.N is released with torchvision 0.(N + 15)
    if torch_version and number(version)[1] - number(torch_version)[1] != 15:
        yield Check(FAIL, 'torchvision', f'{version} is not the partner of '
                    f'torch {torch_version}, which is 0.'
                    f'{number(torch_version)[1] + 15}', fix)
        return
    try:
        env.load('torchvision')
        registered = hasattr(env.load('torch').ops.torchvision, 'nms')
    except Exception as error:
        yield Check(FAIL, 'torchvision', f'{version} does not import: '
                    f'{reason(error)}', fix)
        return
    if not registered:
        yield Check(FAIL, 'torchvision', f'{version} was built for another '
                    'torch: operator torchvision::nms does not exist', fix)
    else:
        yield Check(OK, 'torchvision', version)


def check_stack(env: Environment) -> Iterator[Check]:
    """Versions, and twins that overwrite each other's files."""
    for name, (lowest, module) in STACK.items():
        version = env.version(name)
        twins = [twin for twin in UPSTREAM[name] if env.version(twin)]
        fix = f"pip install '{name}>={lowest}'"
        if name == 'onedl-mmcv':
            # In the wheel cache of pip may lie one for another torch.
            fix = f"pip install --no-cache-dir --no-deps '{name}>={lowest}'"
        if twins and version:
            yield Check(
                FAIL, name, f'{version} and {", ".join(twins)} are both '
                f'installed and share the folder {module}/',
                f'pip uninstall -y {" ".join(twins)} {name} && {fix}')
        elif twins:
            yield Check(
                FAIL, name, f'{", ".join(twins)} is installed in its place, '
                'which does not run on this torch',
                f'pip uninstall -y {" ".join(twins)} && {fix}')
        elif version is None:
            yield Check(FAIL, name, 'not installed', fix)
        elif number(version) < number(lowest):
            yield Check(FAIL, name, f'{version} is older than {lowest}', fix)
        else:
            yield from _imports(env, name, version, module)


def _imports(env: Environment, name: str, version: str,
             module: str) -> Iterator[Check]:
    try:
        env.load(module)
    except Exception as error:
        yield Check(FAIL, name, f'{version} does not import: '
                    f'{reason(error)}', 'mend the package it names; '
                    f'otherwise pip install --force-reinstall --no-deps '
                    f'{name}=={version}')
    else:
        yield Check(OK, name, version)


def check_transformers(env: Environment) -> Iterator[Check]:
    version = env.version('transformers')
    fix = "pip install 'transformers>=4.53,<5'"
    if version is None:
        yield Check(FAIL, 'transformers', 'not installed', fix)
    elif number(version)[0] >= 5:
        yield Check(FAIL, 'transformers', f'{version} lacks functions that '
                    'mmpretrain.models imports, and with it mmrotate', fix)
    elif number(version, 2) < (4, 53):
        yield Check(FAIL, 'transformers', f'{version} is older than 4.53',
                    fix)
    else:
        yield Check(OK, 'transformers', version)


def check_numpy(env: Environment) -> Iterator[Check]:
    version = env.version('numpy')
    if version is None or number(version)[0] < 2:
        yield Check(FAIL, 'numpy', version or 'not installed',
                    "pip install 'numpy>=2'")
    else:
        yield Check(OK, 'numpy', version)


def check_opencv(env: Environment) -> Iterator[Check]:
    names = ('opencv-python', 'opencv-python-headless',
             'opencv-contrib-python')
    found = {name: env.version(name) for name in names if env.version(name)}
    try:
        cv2 = env.load('cv2')
    except Exception as error:
        version = next(iter(found.values()), '')
        pin = f'=={version}' if version else ''
        fix = ('pip install --force-reinstall --no-deps '
               f'opencv-python-headless{pin}')
        if 'libGL' in str(error) or 'libgthread' in str(error):
            fix += ' (or, with root, apt-get install libgl1 libglib2.0-0)'
        yield Check(FAIL, 'opencv', reason(error), fix)
    else:
        yield Check(OK, 'opencv', cv2.__version__)


def check_build_tools(env: Environment) -> Iterator[Check]:
    version = env.version('setuptools')
    if version is None or number(version)[0] >= 82:
        yield Check(
            WARN, 'setuptools', f'{version or "absent"}: `make ops` needs '
            'pkg_resources, which 82 dropped; nothing else does',
            'pip install -r requirements/build.txt')
    else:
        yield Check(OK, 'setuptools', version)
