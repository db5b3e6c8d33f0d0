# Copyright (c) mmeo contributors. All rights reserved.
"""Stage 1 of SkySense-VITA: SAR learns the space of an optical encoder."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmeo.errors import ConfigError
from mmeo.registry import MODELS

from ..losses import EmbeddingHead, pair_contrast
from .align_branch import AlignBranch, random_projection

# The paper names weights and no numbers: 1 each.
WEIGHTS = dict(cl=1., cma=1.)
PROJECTOR = dict(hidden_dims=2048, num_layers=2)
OPTICAL_HEADS = ('identity', 'random', 'mlp')


@MODELS.register_module()
class VITAAlignPretrainer(BaseModel):
    """``L = λ_CL L_CL(f_a, f_b) + λ_CMA L_CMA(f_a, f_opt)``.

    Source: SkySense-VITA (CVPR 2026), stage 1. The optical encoder is frozen
    and in evaluation mode, the SAR encoder learns; features are means over
    the last map; two views a and b of a SAR image attract each other, and a
    attracts the optical image of the same ground, both by InfoNCE over the
    batch of all processes. Temperature, weights, projections, symmetry and
    what else the paper leaves open is our choice.

    The weights of both encoders are in checkpoints, as ``sar.backbone.*``
    and ``optical.backbone.*``; ``extract_backbone.py --side sar`` takes out
    either.

    Args:
        sar (dict): Backbone of SAR; its last map is used.
        optical (dict, optional): Backbone of optical images. Defaults to
            None: a copy of ``sar`` as it begins, for a backbone of several
            sensors such as :class:`SkySenseV2`.
        modalities (Sequence[str]): What the optical and the SAR backbone are
            told if they ask for a sensor. Defaults to ('hr', 's1').
        trainable (str or Sequence[str]): Of the SAR backbone: 'all';
            'modality', what belongs to its sensor alone, so that the path of
            the other sensor stays what it was; or how the names of
            parameters begin. Defaults to 'all'.
        projector (dict, optional): ``hidden_dims`` and ``num_layers`` of the
            MLP behind the SAR encoder, which stage 2 drops. None: none.
            Defaults to 2048 and 2.
        optical_head (str): 'identity' compares with the optical features
            themselves; 'random' with a fixed random projection of them;
            'mlp' with a learned one of ``projector``'s sizes. Defaults to
            'identity'.
        embed_dims (int, optional): Dimensions in which features are
            compared. Defaults to None, the optical encoder's.
        temperature (float): tau. Defaults to 0.07.
        symmetric (bool): Both directions of each contrast. Defaults to True.
        loss_weights (dict, optional): ``cl`` and ``cma``. Defaults to 1 each.
        channels (dict, optional): ``sar`` and ``optical``, channels of the
            last map of backbones that do not say. Defaults to None.
        data_preprocessor (dict, optional): Defaults to
            :class:`AlignDataPreprocessor`.
        init_cfg (dict, optional): Of mmengine.

    Raises:
        ConfigError: If arguments do not fit together.
    """

    def __init__(self,
                 sar: Mapping,
                 optical: Optional[Mapping] = None,
                 modalities: Sequence[str] = ('hr', 's1'),
                 trainable: Union[str, Sequence[str]] = 'all',
                 projector: Optional[Mapping] = PROJECTOR,
                 optical_head: str = 'identity',
                 embed_dims: Optional[int] = None,
                 temperature: float = 0.07,
                 symmetric: bool = True,
                 loss_weights: Optional[Mapping[str, float]] = None,
                 channels: Optional[Mapping[str, int]] = None,
                 data_preprocessor: Optional[Mapping] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(dict(data_preprocessor or dict(
            type='mmeo.AlignDataPreprocessor')), init_cfg)
        self.weights = {**WEIGHTS, **(loss_weights or {})}
        if set(self.weights) != set(WEIGHTS) or not any(
                self.weights.values()):
            raise ConfigError(f'loss_weights={dict(loss_weights or {})} are '
                              'those of cl and cma, not both 0.')
        if temperature <= 0:
            raise ConfigError(f'temperature={temperature} must be positive.')
        if len(modalities) != 2 or isinstance(modalities, str):
            raise ConfigError(f'modalities={modalities!r} are two: of the '
                              'optical and of the SAR backbone.')
        self.temperature, self.symmetric = temperature, symmetric
        self.copies_sar = optical is None
        channels = dict(channels or {})
        self.sar = AlignBranch(sar, modalities[1], channels.get('sar'))
        # The copy is filled by init_weights().
        self.optical = AlignBranch(
            {**sar, 'init_cfg': None} if optical is None else optical,
            modalities[0], channels.get('optical'))
        self.optical.freeze()
        self.sar.freeze_idle()
        self.sar.train_only(trainable)
        self._make_heads(projector, optical_head,
                         embed_dims or self.optical.channels)

    def _make_heads(self, projector: Optional[Mapping], optical_head: str,
                    dims: int) -> None:
        if optical_head not in OPTICAL_HEADS:
            raise ConfigError(f'optical_head={optical_head!r} must be one of '
                              f'{", ".join(OPTICAL_HEADS)}.')
        sides = [('sar', self.sar, projector is None)]
        if optical_head != 'random':
            sides.append(('optical', self.optical,
                          optical_head == 'identity'))
        for name, branch, direct in sides:
            if direct and branch.channels != dims:
                raise ConfigError(
                    f'features of {name} have {branch.channels} channels and '
                    f'are compared in {dims}: set embed_dims='
                    f'{branch.channels}, or a projection '
                    f'({"projector" if name == "sar" else "optical_head"}).')
        sizes = {**PROJECTOR, **(projector or {})}

        def mlp(branch: AlignBranch) -> nn.Module:
            return EmbeddingHead(branch.channels, out_channels=dims, **sizes)

        self.projector = None if projector is None else mlp(self.sar)
        self.optical_projector = mlp(self.optical) \
            if optical_head == 'mlp' else None
        self.register_buffer('optical_table', random_projection(
            self.optical.channels, dims) if optical_head == 'random' else
            None)

    def init_weights(self) -> None:
        """Load or draw weights; the copy gets those of the SAR backbone."""
        super().init_weights()
        if self.copies_sar:
            self.optical.backbone.load_state_dict(
                self.sar.backbone.state_dict())

    def train(self, mode: bool = True) -> 'VITAAlignPretrainer':
        """Set the mode; the optical encoder stays in evaluation mode."""
        super().train(mode)
        self.optical.backbone.eval()
        return self

    def forward(self,
                inputs: Mapping[str, Tensor],
                data_samples: Optional[list] = None,
                mode: str = 'tensor') -> Any:
        """Run.

        Args:
            inputs (dict[str, Tensor]): ``sar`` ``(B, V, 2, h, w)`` and
                ``optical`` ``(B, 3, H, W)``, normalised.
            data_samples (list, optional): One per sample.
            mode (str): 'loss' returns a dict of losses and of numbers for the
                log; 'tensor' unit features ``sar`` ``(B, V, D)`` and
                ``optical`` ``(B, D)``; 'predict' data samples with
                ``sar_feature`` of the first view and ``optical_feature``,
                ``(D, )``.

        Returns:
            dict or list[BaseDataElement]: See ``mode``.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'tensor':
            return self.extract(inputs)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ConfigError(f"mode={mode!r} is none of 'tensor', 'loss', "
                          "'predict'")

    def loss(self, inputs: Mapping[str, Tensor],
             data_samples: Optional[list] = None) -> dict[str, Tensor]:
        """Losses, and numbers for the log.

        Args:
            inputs (dict[str, Tensor]): See :meth:`forward`; two views for
                ``L_CL``.
            data_samples (list, optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_cl``, ``loss_cma``, each times its
            weight; ``acc_cl``, ``acc_cma``, per cent of this process's views
            a that find their partner among all; ``std_sar``, how far SAR
            features lie apart (0 is collapse, 1 as spread as can be).

        Raises:
            ConfigError: If there is one view and ``L_CL`` has a weight.
        """
        found = self.extract(inputs)
        sar, out = found['sar'], {}
        if self.weights['cl']:
            if sar.shape[1] < 2:
                raise ConfigError('L_CL compares two views: set num_views=2 '
                                  'in AlignViews, or loss_weights.cl=0.')
            loss, out['acc_cl'] = self._contrast(sar[:, 0], sar[:, 1])
            out['loss_cl'] = self.weights['cl'] * loss
        if self.weights['cma']:
            loss, out['acc_cma'] = self._contrast(sar[:, 0],
                                                  found['optical'])
            out['loss_cma'] = self.weights['cma'] * loss
        if len(sar) > 1:
            std = sar[:, 0].detach().std(0).mean()
            out['std_sar'] = std * sar.shape[-1]**0.5
        return out

    @torch.no_grad()
    def predict(self, inputs: Mapping[str, Tensor],
                data_samples: Optional[list] = None
                ) -> list[BaseDataElement]:
        """See :meth:`forward`."""
        found = self.extract(inputs)
        samples = data_samples or [
            BaseDataElement() for _ in found['optical']]
        for sample, sar, optical in zip(samples, found['sar'],
                                        found['optical']):
            sample.sar_feature, sample.optical_feature = sar[0], optical
        return samples

    def extract(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Unit features in which both sensors are compared.

        Args:
            inputs (dict[str, Tensor]): See :meth:`forward`.

        Returns:
            dict[str, Tensor]: ``sar`` ``(B, V, D)`` and ``optical``
            ``(B, D)``, float32.
        """
        views = inputs['sar']
        # (B, V, 2, h, w) -> (B * V, C)
        sar = self.sar(views.flatten(0, 1))
        sar = F.normalize(sar, dim=-1) if self.projector is None \
            else self.projector(sar)
        with torch.no_grad():
            optical = self.optical(inputs['optical'])
        return dict(sar=sar.unflatten(0, views.shape[:2]),
                    optical=self._project_optical(optical))

    def _project_optical(self, features: Tensor) -> Tensor:
        if self.optical_projector is not None:
            return self.optical_projector(features)
        if self.optical_table is not None:
            features = features @ self.optical_table.T
        return F.normalize(features.float(), dim=-1)

    def _contrast(self, first: Tensor,
                  second: Tensor) -> tuple[Tensor, Tensor]:
        return pair_contrast(first, second, self.temperature, self.symmetric)
