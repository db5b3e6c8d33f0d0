# Copyright (c) mmeo contributors. All rights reserved.
"""Scope ``mmeo`` among mmengine's, and what an import costs and prints."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope, Registry

import mmeo
from mmeo import registry
from mmeo.errors import ConfigError

NODES = {name: node for name, node in vars(registry).items()
         if isinstance(node, Registry)}


def test_every_root_has_a_child_with_locations():
    assert len(NODES) >= 20
    for name, node in NODES.items():
        assert node.scope == 'mmeo', name
        assert node.parent is not None and node.parent.parent is None, name
        # Without locations mmengine warns and finds nothing.
        assert node._locations, name


def test_inferencers_accept_the_scope():
    """mmengine turns away scopes that its table lacks."""
    from mmengine.config.utils import MODULE2PACKAGE
    assert MODULE2PACKAGE['mmeo'] == 'mmeo'
    with pytest.raises(ValueError, match='Cannot find model'):
        BaseInferencer._load_model_from_metafile(
            SimpleNamespace(scope='mmeo', _get_repo_or_mim_dir=(
                BaseInferencer._get_repo_or_mim_dir)), 'no-such-model')


def test_scope_is_found_without_a_warning(capsys):
    with DefaultScope.overwrite_default_scope('mmeo'):
        with registry.HOOKS.switch_scope_and_registry('mmeo') as node:
            assert node is registry.HOOKS
            assert node.get('ProgressHook') is not None
    out = capsys.readouterr()
    assert 'WARNING' not in out.out + out.err
    assert 'Failed to' not in out.out + out.err


def test_configs_inherit_across_packages(tmp_path, repo_root):
    file = tmp_path / 'mine.py'
    file.write_text("_base_ = 'mmeo::_base_/default_runtime.py'\n")
    cfg = Config.fromfile(file)
    assert cfg.default_scope == 'mmeo'


def test_build_says_what_is_wrong():
    with pytest.raises(ConfigError, match="'NoSuchThing'.*custom_imports"):
        mmeo.build('NoSuchThing')
    with pytest.raises(ConfigError, match='needs a `type`'):
        mmeo.build(dict(arch='tiny'))


def test_import_is_light_and_use_is_quiet():
    """One fresh process: what is imported when, and what is printed."""
    code = """
import sys, time
import mmengine
before = set(sys.modules)
start = time.perf_counter()
import mmeo
seconds = time.perf_counter() - start
heavy = {'mmdet', 'mmseg', 'mmrotate', 'mmpretrain', 'transformers',
         'rasterio', 'torchvision', 'cv2', 'matplotlib', 'scipy'}
loaded = {name.split('.')[0] for name in set(sys.modules) - before}
assert not heavy & loaded, heavy & loaded
assert seconds < 2, seconds
from mmeo.registry import MODELS, DATASETS, METRICS, VISUALIZERS
from mmengine.registry import DefaultScope
for node in (MODELS, DATASETS, METRICS, VISUALIZERS):
    node.import_from_location()
mmeo.build('mmseg.PackSegInputs')
from mmeo.utils import import_siblings
import_siblings("type='mmdet.RPNHead', type='mmrotate.DOTADataset'")
assert 'mmrotate.models' in sys.modules
print('done')
"""
    result = subprocess.run([sys.executable, '-c', code], text=True,
                            capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout == 'done\n'
