# Copyright (c) mmeo contributors. All rights reserved.
"""Layer-wise learning-rate decay for any backbone that knows its depth."""

from collections import defaultdict
from inspect import signature
from typing import Optional

from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmeo.errors import ConfigError
from mmeo.registry import OPTIM_WRAPPER_CONSTRUCTORS

# Last part of the names of tables, tokens and scales that are no matrices:
# decay would pull positions and classes towards each other.
NO_DECAY_NAMES = ('pos_embed', 'cls_token', 'level_embed', 'class_embedding',
                  'position_embedding', 'mask_token', 'prompt_tokens',
                  'logit_scale', 'gamma', 'ls1', 'ls2')
_OPTIONS = ('layer_decay_rate', 'num_layers', 'preset', 'custom_keys')


def find_backbones(model: nn.Module) -> dict[str, nn.Module]:
    """Find the outermost modules with a ``get_layer_depth(name, prefix)``.

    mmpretrain's classifiers have one without prefix, which asks their
    backbone: it is the backbone that is found.

    Args:
        model (nn.Module): The whole model.

    Returns:
        dict[str, nn.Module]: By prefix of their parameter names, ``''`` or
        ending in a dot.
    """
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        inside = any(name == p[:-1] or name.startswith(p) for p in found)
        depth = getattr(module, 'get_layer_depth', None)
        if depth and not inside and 'prefix' in signature(depth).parameters:
            found[name + '.' if name else ''] = module
    return found


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimizerConstructor(DefaultOptimWrapperConstructor):
    """Learn early layers slower: ``lr * rate ** (L - 1 - depth)``.

    Depth 0 is the embedding, k + 1 block k, L - 1 everything after the
    backbone's blocks (adapter, neck, head), whose scale is 1; L is the number
    of blocks + 2. Every backbone with mmpretrain's ``get_layer_depth(name,
    prefix)`` works. Biases, one-dimensional parameters and the tables and
    tokens of :data:`NO_DECAY_NAMES` get no weight decay.

    Args:
        optim_wrapper_cfg (dict): With an ``optimizer`` that has ``lr`` and
            ``weight_decay``.
        paramwise_cfg (dict): ``layer_decay_rate`` (float, required);
            ``num_layers`` (int), to count L from instead of the model's
            blocks, defaults to the model's; ``preset``, ``'paper'`` or
            ``'released'``, the latter decaying position tables and level
            embedding as ViTP's released code does, defaults to ``'paper'``;
            ``custom_keys`` (dict of part of a name to ``lr_mult`` and
            ``decay_mult``), the longest match counts.

    Raises:
        ConfigError: If an option is unknown, or no backbone knows its depth.

    Example:
        >>> optim_wrapper = dict(
        ...     optimizer=dict(type='AdamW', lr=2.5e-5, weight_decay=0.05),
        ...     constructor='LayerDecayOptimizerConstructor',
        ...     paramwise_cfg=dict(layer_decay_rate=0.95))
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: Optional[dict] = None) -> None:
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        cfg = self.paramwise_cfg
        unknown = sorted(set(cfg) - set(_OPTIONS))
        if unknown:
            raise ConfigError(f'paramwise_cfg has unknown options {unknown}: '
                              f'choose from {list(_OPTIONS)}.')
        if not 0 < cfg.get('layer_decay_rate', 0) <= 1:
            raise ConfigError('paramwise_cfg needs a layer_decay_rate above '
                              f'0 and at most 1, got '
                              f'{cfg.get("layer_decay_rate")}.')
        if cfg.get('preset', 'paper') not in ('paper', 'released'):
            raise ConfigError(f'preset={cfg["preset"]!r} must be '
                              "'paper' or 'released'.")
        if self.base_lr is None:
            raise ConfigError('the optimizer needs an `lr` to scale.')

    def add_params(self, params: list[dict], module: nn.Module,
                   **kwargs) -> None:
        """Append the groups of all trainable parameters, one for each pair
        of learning rate and weight decay.

        Args:
            params (list[dict]): Groups, appended to in place.
            module (nn.Module): The whole model.
            **kwargs: Not used; mmengine's signature.
        """
        backbones = find_backbones(module)
        if not backbones:
            raise ConfigError(
                f'no part of {type(module).__name__} has get_layer_depth(): '
                'use a backbone of mmeo or mmpretrain, or another optimizer '
                'constructor.')
        groups: dict[tuple, list] = defaultdict(list)
        for name, param in module.named_parameters():
            if param.requires_grad:
                depth, scale = self._lr_scale(name, backbones)
                lr_mult, decay_mult = self._custom(name)
                if decay_mult is None:
                    decay_mult = float(self._decays(name, param))
                key = (depth, scale * lr_mult, decay_mult)
                groups[key].append((name, param))
        for (depth, scale, decay), members in sorted(groups.items()):
            group = dict(
                params=[param for _, param in members],
                lr=self.base_lr * scale,
                lr_scale=scale,
                layer_id=depth)
            if self.base_wd is not None:
                group['weight_decay'] = self.base_wd * decay
            params.append(group)
        self._log(groups)

    def _lr_scale(self, name: str,
                  backbones: dict[str, nn.Module]) -> tuple[int, float]:
        """Depth and scale of one parameter."""
        rate = self.paramwise_cfg['layer_decay_rate']
        prefix = next((p for p in backbones if name.startswith(p)), None)
        if prefix is None:
            # After all blocks, whatever their number.
            total = max(b.get_layer_depth('', 'none')[1]
                        for b in backbones.values())
            return total - 1, 1.0
        depth, total = backbones[prefix].get_layer_depth(name, prefix)
        if depth == total - 1:
            return depth, 1.0
        layers = self.paramwise_cfg.get('num_layers')
        if layers is None:
            layers = total - 2
        elif layers < total - 2:
            raise ConfigError(
                f'paramwise_cfg.num_layers={layers} is less than the '
                f'{total - 2} blocks of {type(backbones[prefix]).__name__}: '
                'leave it out to take the number from the model.')
        return depth, rate**(layers + 1 - depth)

    def _custom(self, name: str) -> tuple[float, Optional[float]]:
        custom = self.paramwise_cfg.get('custom_keys', {})
        keys = [key for key in custom if key in name]
        if not keys:
            return 1.0, None
        chosen = custom[max(keys, key=lambda key: (len(key), key))]
        return chosen.get('lr_mult', 1.0), chosen.get('decay_mult')

    def _decays(self, name: str, param: nn.Parameter) -> bool:
        shape = getattr(param, 'whole_shape', param.shape)  # of FSDP
        if len(shape) <= 1 or name.endswith('.bias'):
            return False
        if self.paramwise_cfg.get('preset', 'paper') == 'released':
            return True
        return name.rsplit('.', 1)[-1] not in NO_DECAY_NAMES

    def _log(self, groups: dict[tuple, list]) -> None:
        lines = ['layer-wise learning rates:',
                 f'{"depth":>6}{"lr":>11}{"x lr":>8}{"decay":>8}'
                 f'{"tensors":>9}{"values":>13}  first of them']
        for (depth, scale, decay), members in sorted(groups.items()):
            values = sum(param.numel() for _, param in members)
            weight_decay = (self.base_wd or 0) * decay
            lines.append(
                f'{depth:>6}{self.base_lr * scale:>11.3g}{scale:>8.3f}'
                f'{weight_decay:>8.3g}{len(members):>9}{values:>13,}  '
                f'{members[0][0]}')
        MMLogger.get_current_instance().info('\n'.join(lines))
