# Copyright (c) mmeo contributors. All rights reserved.
"""Registries of scope ``mmeo``, children of mmengine's roots.

Each has ``locations``, so a component is imported when its scope is first
asked for it: ``import mmeo`` stays cheap and everything is still registered.
"""

from mmengine import registry as root
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry
from mmengine.utils import is_installed

# mmengine refuses scopes outside this table in Inferencers and in
# cross-package `_base_` paths; it is its only list of known scopes.
MODULE2PACKAGE.setdefault('mmeo', 'mmeo')
# The table names upstream's distribution of mmseg; the maintained fork has
# another, so `mmseg::...` is found through the module's own name instead.
if not is_installed(MODULE2PACKAGE['mmseg']):
    MODULE2PACKAGE['mmseg'] = 'mmseg'


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(
        name, parent=parent, scope='mmeo', locations=list(locations))


RUNNERS = _child('runner', root.RUNNERS, 'mmeo.engine')
LOOPS = _child('loop', root.LOOPS, 'mmeo.engine')
HOOKS = _child('hook', root.HOOKS, 'mmeo.engine')
STRATEGIES = _child('strategy', root.STRATEGIES, 'mmeo.engine')
OPTIMIZERS = _child('optimizer', root.OPTIMIZERS, 'mmeo.engine')
OPTIM_WRAPPERS = _child('optim wrapper', root.OPTIM_WRAPPERS,
                        'mmeo.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optim wrapper constructor',
                                    root.OPTIM_WRAPPER_CONSTRUCTORS,
                                    'mmeo.engine')
PARAM_SCHEDULERS = _child('param scheduler', root.PARAM_SCHEDULERS,
                          'mmeo.engine')
DATASETS = _child('dataset', root.DATASETS, 'mmeo.datasets')
DATA_SAMPLERS = _child('data sampler', root.DATA_SAMPLERS, 'mmeo.datasets')
TRANSFORMS = _child('transform', root.TRANSFORMS,
                    'mmeo.datasets.transforms')
MODELS = _child('model', root.MODELS, 'mmeo.models')
MODEL_WRAPPERS = _child('model wrapper', root.MODEL_WRAPPERS,
                        'mmeo.models')
WEIGHT_INITIALIZERS = _child('weight initializer', root.WEIGHT_INITIALIZERS,
                             'mmeo.models',
                             'mmeo.engine.pretrained')
TASK_UTILS = _child('task util', root.TASK_UTILS, 'mmeo.models')
METRICS = _child('metric', root.METRICS, 'mmeo.evaluation')
EVALUATORS = _child('evaluator', root.EVALUATOR, 'mmeo.evaluation')
VISUALIZERS = _child('visualizer', root.VISUALIZERS, 'mmeo.visualization')
VISBACKENDS = _child('vis_backend', root.VISBACKENDS,
                     'mmeo.visualization')
INFERENCERS = _child('inferencer', root.INFERENCERS, 'mmeo.apis')
