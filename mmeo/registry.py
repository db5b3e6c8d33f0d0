# Copyright (c) mmeo contributors. All rights reserved.
"""Registries of scope ``mmeo``, children of mmengine's roots.

Each has ``locations``, so a component is imported when its scope is first
asked for it: ``import mmeo`` stays cheap and everything is still registered.
"""

from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import EVALUATOR as MMENGINE_EVALUATOR
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import INFERENCERS as MMENGINE_INFERENCERS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import \
    OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from mmengine.registry import RUNNERS as MMENGINE_RUNNERS
from mmengine.registry import STRATEGIES as MMENGINE_STRATEGIES
from mmengine.registry import TASK_UTILS as MMENGINE_TASK_UTILS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISBACKENDS as MMENGINE_VISBACKENDS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import WEIGHT_INITIALIZERS as MMENGINE_WEIGHT_INIT
from mmengine.registry import Registry
from mmengine.utils import is_installed

# mmengine refuses scopes outside this table in Inferencers and in cross-package
# `_base_` paths; it is its documented (and only) list of known scopes.
MODULE2PACKAGE.setdefault('mmeo', 'mmeo')
# The table names upstream's distribution of mmseg; the maintained fork has
# another, so `mmseg::...` is found through the module's own name instead.
if not is_installed(MODULE2PACKAGE['mmseg']):
    MODULE2PACKAGE['mmseg'] = 'mmseg'


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(
        name, parent=parent, scope='mmeo', locations=list(locations))


RUNNERS = _child('runner', MMENGINE_RUNNERS, 'mmeo.engine')
LOOPS = _child('loop', MMENGINE_LOOPS, 'mmeo.engine')
HOOKS = _child('hook', MMENGINE_HOOKS, 'mmeo.engine')
STRATEGIES = _child('strategy', MMENGINE_STRATEGIES, 'mmeo.engine')
OPTIMIZERS = _child('optimizer', MMENGINE_OPTIMIZERS, 'mmeo.engine')
OPTIM_WRAPPERS = _child('optim wrapper', MMENGINE_OPTIM_WRAPPERS,
                        'mmeo.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child('optim wrapper constructor',
                                    MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
                                    'mmeo.engine')
PARAM_SCHEDULERS = _child('param scheduler', MMENGINE_PARAM_SCHEDULERS,
                          'mmeo.engine')
DATASETS = _child('dataset', MMENGINE_DATASETS, 'mmeo.datasets')
DATA_SAMPLERS = _child('data sampler', MMENGINE_DATA_SAMPLERS, 'mmeo.datasets')
TRANSFORMS = _child('transform', MMENGINE_TRANSFORMS,
                    'mmeo.datasets.transforms')
MODELS = _child('model', MMENGINE_MODELS, 'mmeo.models')
MODEL_WRAPPERS = _child('model wrapper', MMENGINE_MODEL_WRAPPERS,
                        'mmeo.models')
WEIGHT_INITIALIZERS = _child('weight initializer', MMENGINE_WEIGHT_INIT,
                             'mmeo.models')
TASK_UTILS = _child('task util', MMENGINE_TASK_UTILS, 'mmeo.models')
METRICS = _child('metric', MMENGINE_METRICS, 'mmeo.evaluation')
EVALUATORS = _child('evaluator', MMENGINE_EVALUATOR, 'mmeo.evaluation')
VISUALIZERS = _child('visualizer', MMENGINE_VISUALIZERS, 'mmeo.visualization')
VISBACKENDS = _child('vis_backend', MMENGINE_VISBACKENDS,
                     'mmeo.visualization')
INFERENCERS = _child('inferencer', MMENGINE_INFERENCERS, 'mmeo.apis')
