# Copyright (c) mmeo contributors. All rights reserved.
"""Packaging: what `mim` needs, also in an editable install."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mmeo


def test_mim_folder_of_this_install():
    """PEP 660 installs do not say ``develop``, where the classic test
    looks."""
    folder = Path(mmeo.__file__).parent / '.mim'
    assert (folder / 'configs' / '_base_').is_dir()
    assert (folder / 'tools' / 'train.py').is_file()
    assert (folder / 'model-index.yml').is_file()


def copy_of_setup(repo_root, target):
    for name in ('setup.py', 'README.md', 'model-index.yml'):
        shutil.copy(repo_root / name, target / name)
    shutil.copytree(repo_root / 'requirements', target / 'requirements')
    (target / 'mmeo').mkdir()
    for name in ('__init__.py', 'version.py'):
        shutil.copy(repo_root / 'mmeo' / name, target / 'mmeo' / name)
    for name in ('configs', 'tools'):
        (target / name).mkdir()
        (target / name / 'a.py').touch()


def run_setup(folder, *words):
    return subprocess.run(
        [sys.executable, 'setup.py', '-q', *words], cwd=folder, text=True,
        capture_output=True, timeout=120, check=True)


def test_setup_links_and_copies(repo_root, tmp_path):
    copy_of_setup(repo_root, tmp_path)
    linked = tmp_path / 'mmeo' / '.mim' / 'configs'
    # What a PEP 660 build calls has neither `develop` nor `install` in it.
    run_setup(tmp_path, 'dist_info', '--output-dir', str(tmp_path))
    assert linked.is_symlink() and (linked / 'a.py').is_file()
    assert os.readlink(linked) == '../../configs'
    run_setup(tmp_path, 'bdist_wheel', '--dist-dir', str(tmp_path / 'dist'))
    assert not linked.is_symlink() and (linked / 'a.py').is_file()
    run_setup(tmp_path, 'dist_info', '--output-dir', str(tmp_path))
    assert linked.is_symlink()


def test_extras_have_the_names_both_mims_want():
    metadata = importlib.metadata.metadata('mmeo')
    extras = set(metadata.get_all('Provides-Extra') or ())
    assert {'mim', 'mminstall', 'tests', 'optional'} <= extras
    assert metadata['Version'] == mmeo.__version__
    entry, = importlib.metadata.entry_points(group='console_scripts',
                                             name='mmeo')
    assert entry.value == 'mmeo.cli:main'


def test_requirements_have_no_upper_bounds_but_the_known(repo_root):
    """Upper pins break those who install mmeo beside something else."""
    capped = set()
    for file in (repo_root / 'requirements').glob('*.txt'):
        if file.name == 'torch.txt':  # the pair that CI runs
            continue
        for line in file.read_text().splitlines():
            if re.search(r'<|==', line.split('#')[0]):
                capped.add(re.match(r'[\w-]+', line).group())
    assert capped == {'deepspeed', 'gradio', 'setuptools', 'transformers'}
