# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.build``: any registered component in one call."""

from collections.abc import Mapping
from typing import Any, Union

from mmengine.registry import DefaultScope, Registry

from mmeo import registry
from mmeo.errors import ConfigError
from mmeo.utils import quiet_imports

# Where a bare type name is looked for, in this order.
_KINDS = (
    registry.MODELS,
    registry.DATASETS,
    registry.TRANSFORMS,
    registry.METRICS,
    registry.HOOKS,
    registry.VISUALIZERS,
    registry.TASK_UTILS,
    registry.DATA_SAMPLERS,
    registry.OPTIM_WRAPPER_CONSTRUCTORS,
    registry.LOOPS,
)


def find(type_name: str) -> Registry:
    """Return the registry of scope ``mmeo`` that holds ``type_name``.

    Raises:
        ConfigError: If no registry knows the name.
    """
    for kind in _KINDS:
        if kind.get(type_name) is not None:
            return kind
    raise ConfigError(
        f'no component is named {type_name!r}: check the spelling, write the '
        "scope of a sibling's component (e.g. 'mmseg.UPerHead'), and add the "
        'module that defines your own to `custom_imports`.')


def build(type_or_config: Union[str, Mapping], **kwargs: Any) -> Any:
    """Build a registered component in scope ``mmeo``.

    Args:
        type_or_config: A registered name (``'InternViT'``,
            ``'mmseg.UPerHead'``) or a config dict with a ``type``.
        **kwargs: Constructor arguments; they override those of the config.

    Returns:
        The component.

    Raises:
        ConfigError: If the name is not registered, or no ``type`` is given.

    Example:
        >>> import mmeo
        >>> vit = mmeo.build('InternViT', arch='tiny')
    """
    if isinstance(type_or_config, str):
        cfg = dict(type=type_or_config, **kwargs)
    else:
        cfg = {**type_or_config, **kwargs}
    if 'type' not in cfg:
        raise ConfigError(f'a config needs a `type`, got the keys '
                          f'{sorted(cfg)}')
    if not isinstance(cfg['type'], str):
        return registry.MODELS.build(cfg)
    with quiet_imports():
        kind = find(cfg['type'])
    with quiet_imports(), DefaultScope.overwrite_default_scope('mmeo'):
        return kind.build(cfg)
