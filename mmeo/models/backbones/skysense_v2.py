# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2: one hierarchical transformer for all sensors."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
from mmengine.model import trunc_normal_init
from torch import Tensor, nn

from mmeo import weights
from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures import ModalityBatch
from mmeo.weights.fit import BandInit

from ..layers import (
    AdaptivePatchMerging,
    MoEFFN,
    PromptTokens,
    SwinV2Block,
    Tokenizer,
    TransformerBlock,
    maybe_checkpoint,
    rotary_position,
    sincos_position,
)
from ..pretrained import PretrainedModule
from .series import encode_series
from .skysense_arch import (
    Modes,
    apm_modes_from_gsd,
    entry_of,
    expert_blocks,
    parse_apm,
    parse_arch,
    parse_modalities,
    parse_modes,
)
from .skysense_weights import load_backbone

PATCH = 4
POSITIONS = ('gsd_sincos', 'learned', 'rope2d', 'none')


@MODELS.register_module()
class SkySenseV2(PretrainedModule):
    """Four stages shared by all modalities, which differ in the tokenizer.

    Source: SkySense V2 (arXiv 2507.13812). Stages 1 and 2 are Swin V2 blocks,
    stages 3 and 4 plain blocks with global attention; between stages
    :class:`AdaptivePatchMerging` halves the map of fine sensors and keeps
    that of coarse ones; a few prompt tokens per modality accompany stages 3
    and 4 and are dropped at the end of each. No code of the authors is
    public. Ours are: the position code, details of the plain block, mode
    rules by ground distance, smaller sizes, norms of the returned maps.

    Widths are C, 2C, 4C, 8C. Strides of the high-resolution image are 4, 8,
    16, 32, of the 10 m sensors 4, 4, 4, 4.

    Args:
        arch (str or dict): ``'tiny'``, ``'small'``, ``'base'``, ``'large'``,
            ``'huge'`` (the paper's: C = 352, depths 2, 2, 18, 2), or a dict,
            see :func:`parse_arch`. Defaults to ``'huge'``.
        modalities (Sequence[str] or dict): Sensors, each with a tokenizer of
            its own, see :func:`parse_modalities`: ``dict(planet=dict(
            in_channels=4, gsd=3.0))``. Defaults to ``('hr', 's2', 's1')``.
        modality (str, optional): What ``forward`` takes an image for when not
            told. Defaults to None, the first of ``modalities``.
        apm_modes (dict or str, optional): Name -> three modes, ``'merge'`` or
            ``'preserve'`` (1 or 0), one for each transition; those not named
            follow from their ``gsd``; ``'gsd'`` decides anew from the ``gsd``
            of each call. Defaults to None, all by their ``gsd``.
        apm_share (bool): Preserve by averaged merge weights. False gives each
            modality that never merges projections of its own. Defaults to
            True.
        num_prompt_tokens (int): Per modality in each of stages 3 and 4; 0 for
            none. Defaults to 4.
        moe (dict, optional): Arguments of :class:`MoEFFN`, and ``num_layers``,
            the last blocks that get it, at most those of stages 3 and 4.
            Defaults to None, no experts.
        pos (str): Position of tokens in stages 3 and 4: ``'gsd_sincos'``
            (added at the entry of stage 3, in metres), ``'rope2d'`` (rotary,
            in metres), ``'learned'`` (a table of ``pos_grid``, resized), or
            ``'none'``. Defaults to ``'gsd_sincos'``.
        pos_grid (int): Side of the learned table. Defaults to 32.
        window_size (int): Of stages 1 and 2, in tokens. Defaults to 8.
        pad_small_map (bool): Pad maps smaller than a window instead of
            shrinking the window. Defaults to False.
        drop_path_rate (float): Of the last block; earlier ones rise to it
            linearly from 0. Defaults to 0.0.
        out_indices (Sequence[int]): Stages, 0 to 3, whose maps are returned.
            Defaults to all. Those behind the last are not computed.
        frozen_stages (int): -1 trains all, 0 freezes the tokenizers, k also
            stages 1 to k. Defaults to -1.
        with_cp (bool): Recompute activations of each block in the backward
            pass. Defaults to False.
        band_init (str or Sequence[int], optional): How a stored tokenizer of
            another number of bands is used, see
            :func:`mmeo.weights.fit_bands`. None refuses it. Defaults to None.
        init_cfg (dict, optional): ``dict(type='Pretrained', checkpoint=...)``
            loads this backbone; tokenizers and prompts of sensors that the
            file lacks start anew. Defaults to None.

    Raises:
        ConfigError: If an argument does not fit.
    """

    def __init__(self,
                 arch: Union[str, Mapping] = 'huge',
                 modalities: Union[Sequence[str], Mapping] = ('hr', 's2',
                                                              's1'),
                 modality: Optional[str] = None,
                 apm_modes: Union[str, Mapping, None] = None,
                 apm_share: bool = True,
                 num_prompt_tokens: int = 4,
                 moe: Optional[Mapping] = None,
                 pos: str = 'gsd_sincos',
                 pos_grid: int = 32,
                 window_size: int = 8,
                 pad_small_map: bool = False,
                 drop_path_rate: float = 0.0,
                 out_indices: Sequence[int] = (0, 1, 2, 3),
                 frozen_stages: int = -1,
                 with_cp: bool = False,
                 band_init: BandInit = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        arch = parse_arch(arch)
        self.embed_dims = arch['embed_dims']
        self.depths = tuple(arch['depths'])
        self.head_dim = arch['head_dim']
        self.num_layers = sum(self.depths)
        self.modalities = parse_modalities(modalities)
        self.modality = self._known(modality or next(iter(self.modalities)))
        self.modes_from_gsd = apm_modes == 'gsd'
        self.apm_modes = parse_apm(apm_modes, self.modalities)
        self.num_prompt_tokens = num_prompt_tokens
        self.pos = pos
        self.out_indices = tuple(sorted(out_indices))
        self.with_cp = with_cp
        self.band_init = band_init
        self._check(frozen_stages)

        dims = [self.embed_dims * 2**i for i in range(4)]
        self.tokenizers = nn.ModuleDict({
            name: Tokenizer(spec['in_channels'], dims[0])
            for name, spec in self.modalities.items()})
        own = () if apm_share else [
            name for name, modes in self.apm_modes.items() if not any(modes)]
        self.merges = nn.ModuleList(
            AdaptivePatchMerging(width, own) for width in dims[:3])
        experts = expert_blocks(moe, self.depths)
        options = {k: v for k, v in (moe or {}).items() if k != 'num_layers'}

        def block(stage: int, index: int, number: int) -> nn.Module:
            width, rate = dims[stage], drop_path_rate * number / max(
                self.num_layers - 1, 1)
            heads = width // self.head_dim
            if stage < 2:
                return SwinV2Block(
                    width, heads, window_size, shift=index % 2 == 1,
                    mlp_ratio=arch['mlp_ratio'], drop_path_rate=rate,
                    pad_small_map=pad_small_map)
            ffn = MoEFFN(width, int(width * arch['mlp_ratio']), **options) \
                if number in experts else None
            return TransformerBlock(
                width, heads, arch['mlp_ratio'], drop_path_rate=rate,
                layer_scale_init=None, ffn=ffn)

        starts = [sum(self.depths[:i]) for i in range(4)]
        self.stages = nn.ModuleList(
            nn.ModuleList(block(i, j, starts[i] + j) for j in range(depth))
            for i, depth in enumerate(self.depths))
        self.prompts = nn.ModuleDict({
            name: nn.ModuleList(
                PromptTokens(num_prompt_tokens, width) for width in dims[2:])
            for name in self.modalities} if num_prompt_tokens else {})
        self.norms = nn.ModuleDict({
            str(i): nn.LayerNorm(dims[i]) for i in self.out_indices})
        if pos == 'learned':
            self.pos_embed = nn.Parameter(torch.zeros(1, pos_grid**2, dims[2]))
            nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self._reset_parameters()
        for name, param in self.named_parameters():
            # Never computed: distributed training would wait for gradients.
            if entry_of(name)[0] > self.out_indices[-1]:
                param.requires_grad_(False)
        self.freeze(frozen_stages)

    @classmethod
    def build_from_gsd(cls, gsd: Mapping[str, float],
                       **kwargs: Any) -> 'SkySenseV2':
        """Build with merge modes that follow from ground distances.

        Args:
            gsd (dict[str, float]): Metres per pixel of some or all
                modalities, see :func:`apm_modes_from_gsd`.
            **kwargs: Other arguments of the class.
        """
        specs = parse_modalities(kwargs.pop('modalities', ('hr', 's2', 's1')))
        for name, value in gsd.items():
            specs.setdefault(name, {})['gsd'] = value
        return cls(modalities=specs, **kwargs)

    @property
    def out_channels(self) -> list[int]:
        """Channels of each returned map."""
        return [self.embed_dims * 2**i for i in self.out_indices]

    def strides(self, modality: Optional[str] = None) -> list[int]:
        """Pixels per token of each returned map of a modality."""
        modes = self.apm_modes[self._known(modality or self.modality)]
        return [PATCH * 2**sum(modes[:i]) for i in self.out_indices]

    def activated_parameters(self) -> int:
        """Parameters that one token of each modality meets.

        All but the experts that the gate does not choose.
        """
        total = sum(p.numel() for p in self.parameters())
        for module in self.modules():
            if isinstance(module, MoEFFN):
                count = len(module.experts)
                size = sum(p.numel() for p in module.experts.parameters())
                total -= size // count * (count - module.top_k)
        return total

    # -- forward ---------------------------------------------------------
    def forward(self,
                x: Tensor,
                modality: Optional[str] = None,
                valid: Optional[Tensor] = None,
                apm_modes: Optional[Sequence] = None,
                gsd: Optional[float] = None) -> tuple[Tensor, ...]:
        """Encode images of one modality.

        Args:
            x (Tensor): ``(B, bands, H, W)``, or a series ``(B, T, bands, H,
                W)``. Any H and W: maps are as large as H and W over the
                stride, rounded up.
            modality (str, optional): Defaults to the constructor's.
            valid (Tensor, optional): ``(B, T)`` bool, for a series: other
                frames are never read. Defaults to None, all.
            apm_modes (Sequence, optional): Three modes for this call.
                Defaults to the modality's.
            gsd (float, optional): Metres per pixel of these images. Defaults
                to the modality's.

        Returns:
            tuple[Tensor, ...]: For each of ``out_indices`` a map ``(B, C_i,
            h_i, w_i)``, or ``(B, T, C_i, h_i, w_i)``, which is 0 for frames
            that are not valid.

        Raises:
            ConfigError: If the modality is unknown or the bands differ.
        """
        name = self._known(modality or self.modality)
        bands = self.modalities[name]['in_channels']
        if x.dim() not in (4, 5) or x.shape[-3] != bands:
            raise ConfigError(
                f'images of {name!r} have shape {tuple(x.shape)}, but must be '
                f'(B, {bands}, H, W) or (B, T, {bands}, H, W): choose bands '
                f'in the pipeline, or set modalities[{name!r}].in_channels.')
        modes = self._modes(name, apm_modes, gsd)
        gsd = gsd or self.modalities[name]['gsd']
        if x.dim() == 4:
            return self._encode(x, name, modes, gsd)
        return encode_series(
            lambda frames: self._encode(frames, name, modes, gsd), x, valid)

    def forward_modalities(self, batches: Mapping[str, ModalityBatch]
                           ) -> dict[str, tuple[Tensor, ...]]:
        """Encode all frames of several sensors.

        Args:
            batches (dict[str, ModalityBatch]): Name -> frames.

        Returns:
            dict[str, tuple[Tensor, ...]]: Name -> maps ``(B, T, C_i, h, w)``.
        """
        return {name: self(batch.images, name, batch.valid)
                for name, batch in batches.items()}

    def _encode(self, x: Tensor, name: str, modes: Modes,
                gsd: float) -> tuple[Tensor, ...]:
        x, pitch = self.tokenizers[name](x), gsd * PATCH
        outs = []
        for stage, blocks in enumerate(self.stages):
            if stage:
                x = self.merges[stage - 1](x, modes[stage - 1], name)
                pitch *= 2 if modes[stage - 1] else 1
            if stage < 2:
                for layer in blocks:
                    x = self._run(layer, x)
            else:
                x = self._global_stage(x, stage, name, pitch)
            if stage in self.out_indices:
                # (B, h, w, C) -> (B, C, h, w)
                out = self.norms[str(stage)](x).permute(0, 3, 1, 2)
                outs.append(out.contiguous())
            if stage == self.out_indices[-1]:
                break
        return tuple(outs)

    def _global_stage(self, x: Tensor, stage: int, name: str,
                      pitch: float) -> Tensor:
        """Blocks of stage 3 or 4 on ``(B, h, w, C)``, prompts in front."""
        size = (x.shape[1], x.shape[2])
        x = x.flatten(1, 2)  # (B, h * w, C)
        if stage == 2:
            x = self._add_position(x, size, pitch)
        extra = self.num_prompt_tokens
        if extra:
            x = self.prompts[name][stage - 2](x)
        rotary = None
        if self.pos == 'rope2d':
            rotary = rotary_position(size, pitch, self.head_dim, extra,
                                     x.device)
        for layer in self.stages[stage]:
            x = self._run(layer, x, None, rotary)
        return x[:, extra:].unflatten(1, size)

    def _add_position(self, x: Tensor, size: tuple[int, int],
                      pitch: float) -> Tensor:
        if self.pos == 'gsd_sincos':
            code = sincos_position(size, pitch, x.shape[-1], x.device)
        elif self.pos == 'learned':
            code = weights.resize_position_table(self.pos_embed, 0, size)
        else:
            return x
        return x + code.to(x.dtype)

    def _run(self, layer: nn.Module, *args: Any) -> Tensor:
        return maybe_checkpoint(self.with_cp and self.training, layer, *args)

    def pop_aux_loss(self) -> Tensor:
        """Sum of the experts' auxiliary losses since the last call.

        Returns:
            Tensor: Scalar, weighted; 0 without experts. It has a gradient
            if ``moe['inject_aux']`` is False; else the gradient is already
            part of the backward pass.
        """
        start = next(iter(self.norms.values())).weight.new_zeros(())
        return sum((module.pop_aux_loss() for module in self.modules()
                    if isinstance(module, MoEFFN)), start)

    # -- training ---------------------------------------------------------
    def train(self, mode: bool = True) -> 'SkySenseV2':
        """Set the mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages[:max(self.frozen_stages, 0)]:
            stage.eval()
        return self

    def get_layer_depth(self, param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Depth of a parameter, for layer-wise learning rates.

        Args:
            param_name (str): Full name.
            prefix (str): In front of this module's names. Defaults to ``''``.

        Returns:
            tuple[int, int]: Depth (0 the tokenizers; k + 1 block k, and
            whatever enters with it; ``num_layers + 1`` all else) and the
            number of depths.
        """
        total = self.num_layers + 2
        if not param_name.startswith(prefix):
            return total - 1, total
        name = param_name[len(prefix):]
        if name.startswith('norms.'):
            return total - 1, total
        stage, index = entry_of(name)
        return (sum(self.depths[:stage]) + index + 1 if stage >= 0 else 0,
                total)

    def freeze(self, stages: int) -> None:
        """Stop training the tokenizers (0 and up) and the first stages.

        Args:
            stages (int): See ``frozen_stages``.
        """
        self.frozen_stages = stages
        for name, param in self.named_parameters():
            if entry_of(name)[0] < stages:
                param.requires_grad_(False)
        self.train(self.training)

    def load_pretrained(self, checkpoint: str, prefix: str = '',
                        trust: bool = False) -> None:
        """Load this backbone.

        Args:
            checkpoint (str): See :func:`load_backbone`.
            prefix (str): Likewise. Defaults to ``''``.
            trust (bool): Likewise. Defaults to False.

        Raises:
            CheckpointError: If the file does not hold a fitting SkySenseV2.
        """
        load_backbone(self, checkpoint, prefix, trust)

    def _reset_parameters(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_init(module, std=0.02)
            elif isinstance(module, SwinV2Block):
                # Swin V2's residual post-norm starts as the identity.
                nn.init.zeros_(module.norm1.weight)
                nn.init.zeros_(module.norm2.weight)

    # -- arguments --------------------------------------------------------
    def _known(self, name: str) -> str:
        if name not in self.modalities:
            raise ConfigError(
                f'modality={name!r} is unknown to this backbone: it has '
                f'{", ".join(self.modalities)}. Add it to `modalities`.')
        return name

    def _modes(self, name: str, given: Optional[Sequence],
               gsd: Optional[float]) -> Modes:
        if given is not None:
            return parse_modes(given, name)
        if self.modes_from_gsd and gsd is not None:
            return apm_modes_from_gsd(gsd)
        return self.apm_modes[name]

    def _check(self, frozen_stages: int) -> None:
        if self.pos not in POSITIONS:
            raise ConfigError(f'pos={self.pos!r} must be one of {POSITIONS}.')
        if not self.out_indices or not set(self.out_indices) <= set(range(4)):
            raise ConfigError(f'out_indices={self.out_indices} must name '
                              'stages of 0..3.')
        if not -1 <= frozen_stages <= 4:
            raise ConfigError(f'frozen_stages={frozen_stages} must be -1..4.')
        if self.num_prompt_tokens < 0:
            raise ConfigError(f'num_prompt_tokens={self.num_prompt_tokens} '
                              'must be 0 or more.')
