#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Packaging, with the ``.mim`` folder that `mim` reads configs from.

A ``develop`` test on ``sys.argv`` misses PEP 660 editable installs, which call
``editable_wheel``: links are therefore the default, and files are copied only
where a distribution is built.
"""

import shutil
import sys
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
MIM_ITEMS = ('tools', 'configs', 'projects', 'model-index.yml')


def get_version() -> str:
    namespace: dict = {}
    exec((ROOT / 'mmeo' / 'version.py').read_text(), namespace)
    return namespace['__version__']


def requirements(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    lines = [line.split('#')[0].strip() for line in lines]
    return [line for line in lines if line]


def add_mim_extension() -> None:
    """Put tools, configs and the model index below ``mmeo/.mim``."""
    copy = any(arg in sys.argv for arg in ('sdist', 'bdist_wheel'))
    folder = ROOT / 'mmeo' / '.mim'
    folder.mkdir(parents=True, exist_ok=True)
    for item in MIM_ITEMS:
        source, target = ROOT / item, folder / item
        if not source.exists():
            continue
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)
        if not copy:
            try:
                target.symlink_to(Path('..', '..', item))
                continue
            except OSError as error:  # e.g. Windows without the privilege
                print(f'cannot link {target} ({error}); copying instead')
        if source.is_dir():
            shutil.copytree(source, target,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(source, target)


if __name__ == '__main__':
    add_mim_extension()
    setup(
        name='mmeo',
        version=get_version(),
        description='Earth-observation foundation models for OpenMMLab',
        long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
        long_description_content_type='text/markdown',
        author='mmeo contributors',
        license='Apache-2.0',
        keywords='remote sensing, foundation model, OpenMMLab',
        packages=find_packages(include=('mmeo', 'mmeo.*')),
        include_package_data=True,
        python_requires='>=3.10',
        install_requires=requirements('runtime'),
        extras_require={
            # `mim` and `mminstall` are the names openmim and onedl-mim look
            # for.
            'mim': requirements('mminstall'),
            'mminstall': requirements('mminstall'),
            'optional': requirements('optional'),
            'tests': requirements('tests'),
            'torch': ['torch>=2.6,<2.14', 'torchvision'],
        },
        entry_points={'console_scripts': ['mmeo=mmeo.cli:main']},
        classifiers=[
            'Development Status :: 3 - Alpha',
            'License :: OSI Approved :: Apache Software License',
            'Programming Language :: Python :: 3',
            'Programming Language :: Python :: 3.10',
            'Programming Language :: Python :: 3.11',
            'Programming Language :: Python :: 3.12',
            'Topic :: Scientific/Engineering :: GIS',
            'Topic :: Scientific/Engineering :: Image Recognition',
        ],
        zip_safe=False,
    )
