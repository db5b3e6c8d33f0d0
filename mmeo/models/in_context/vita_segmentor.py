# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense-VITA: segment a target as examples and names tell."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from mmdet.models.layers import SinePositionalEncoding
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.registry import MODELS
from mmeo.structures import (
    MODES,
    OTHER_LABEL,
    EpisodeBatch,
    EpisodeSample,
)

from ..text_encoders.names import check_class_names
from .prompt_code import PromptCode
from .prompt_pooling import masked_average_pool, sensor_shares
from .scores import class_scores
from .sensor_groups import (
    Groups,
    check_sensors,
    first_prompt,
    gather_maps,
    sensor_numbers,
)
from .sliding import slide
from .vita_decoder import Prediction

Maps = tuple[Tensor, ...]
#: Of the neck's maps of stride 4, 8, 16, 32.
LEVELS = (3, 2, 1)
EXAMPLES_AT_ONCE = 8


@MODELS.register_module()
class VITASegmentor(BaseSegmentor):
    """Segment a target by visual, textual or fused prompts, without training.

    Source: SkySense-VITA. One encoder (or one per sensor) sees targets and
    examples; :class:`VITAFormer` makes in-context queries of the prompts,
    :class:`VITADecoder` masks and classes of each mode. All modes are trained
    in one forward pass; inference computes only those asked for. Which map
    is pooled and which one the Former reads is our choice.

    Args:
        backbone (dict): Any of the registry; its ``forward`` may take the
            sensor's name as second argument.
        neck (dict): ``ModalityFPN``, or another whose ``forward(maps,
            modality, size)`` gives maps of strides 4, 8, 16 and 32, the first
            of which are the mask features.
        text_encoder (dict, optional): With ``encode(names)``; frozen. None is
            for visual prompts alone. Defaults to None.
        former (dict): :class:`VITAFormer`.
        decoder (dict): :class:`VITADecoder`.
        loss (dict): :class:`VITALoss`.
        modalities (Sequence[str]): Sensors in the order of their embeddings.
            Defaults to ``('hr', 's1')``.
        modes (Sequence[str]): Modes that are trained. Defaults to all three;
            ``('fused', )`` is the paper's ablation.
        pool_level (int): Of the neck's maps, the one pooled for visual
            prompts. Defaults to 1, stride 8.
        context_level (int): The one that the Former reads. Defaults to 2,
            stride 16.
        shared_space (bool): Whether features of different sensors mean the
            same, so that an optical example may prompt a SAR target. Defaults
            to True.
        max_classes (int, optional): Most classes of an episode. Defaults to
            None, any number.
        train_cfg (dict, optional): Unused; mmseg's configs have it. Defaults
            to None.
        test_cfg (dict, optional): ``modes`` to predict, the first is
            ``pred_sem_seg``; ``background``, a score below which a pixel is
            none of the classes (None: every pixel is one); ``crop_size`` and
            ``stride`` of sliding windows (None: whole). Defaults to fused,
            None, None.
        data_preprocessor (dict, optional): Defaults to
            ``EpisodePreprocessor``.
        init_cfg (dict, optional): Defaults to None.

    Raises:
        ConfigError: If a mode is unknown or no text encoder is there for it.
    """

    def __init__(self,
                 backbone: dict,
                 neck: dict,
                 text_encoder: Optional[dict] = None,
                 former: Mapping = dict(type='VITAFormer'),
                 decoder: Mapping = dict(type='VITADecoder'),
                 loss: Mapping = dict(type='VITALoss'),
                 modalities: Sequence[str] = ('hr', 's1'),
                 modes: Sequence[str] = MODES,
                 pool_level: int = 1,
                 context_level: int = 2,
                 shared_space: bool = True,
                 max_classes: Optional[int] = None,
                 train_cfg: Optional[dict] = None,
                 test_cfg: Optional[dict] = None,
                 data_preprocessor: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(data_preprocessor or dict(type='EpisodePreprocessor'),
                         init_cfg)
        self.modalities = tuple(modalities)
        self.modes = _check_modes(modes, text_encoder is not None)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.text_encoder = MODELS.build(text_encoder) if text_encoder \
            else None
        former = dict(former, modalities=self.modalities)
        if self.text_encoder is not None:
            former.setdefault('text_dims', self.text_encoder.embed_dims)
        self.former = MODELS.build(former)
        self.decoder = MODELS.build(dict(decoder, modalities=self.modalities))
        self.position = SinePositionalEncoding(
            self.decoder.embed_dims // 2, normalize=True)
        self.loss_module = MODELS.build(loss)
        self.pool_level = pool_level
        self.context_level = context_level
        self.shared_space = shared_space
        self.max_classes = max_classes
        self.train_cfg = train_cfg
        self.test_cfg = dict(test_cfg or {})
        _check_modes(self.test_cfg.get('modes', ()),
                     text_encoder is not None)
        takes = inspect.signature(self.backbone.forward).parameters
        self._by_sensor = 'modality' in takes
        self._kept: Optional[tuple] = None  # last prompt key and code
        if self.modes == ('visual', ):
            # Never computed: distributed training would wait for gradients.
            self.former.text_proj.requires_grad_(False)
            self.former.fused_proj.requires_grad_(False)

    def train(self, mode: bool = True) -> 'VITASegmentor':
        """Switch mode, and forget prompts that other weights encoded."""
        self._kept = None
        return super().train(mode)

    # features ---------------------------------------------------------------

    def extract_feat(self, inputs: Groups) -> Maps:
        """Maps of all images of a batch.

        Args:
            inputs (dict[str, ImageGroup]): By sensor, of equal height and
                width.

        Returns:
            tuple[Tensor, ...]: Four maps ``(n, C, h, w)`` of strides 4, 8,
            16, 32, in the order of ``index``.

        Raises:
            DataError: If a sensor is unknown.
        """
        check_sensors(inputs, self.modalities)
        count = sum(len(group.index) for group in inputs.values())
        parts = {name: self._encode(group.images, name)
                 for name, group in inputs.items()}
        return tuple(gather_maps(inputs, each, count)
                     for each in zip(*parts.values()))

    def _encode(self, images: Tensor, modality: str) -> Maps:
        maps = self.backbone(images, modality) if self._by_sensor else \
            self.backbone(images)
        return self.neck(maps, modality, tuple(images.shape[-2:]))

    def _numbers(self, groups: Groups, count: int) -> Tensor:
        return sensor_numbers(groups, self.modalities, count)

    # prompts ----------------------------------------------------------------

    def encode_prompt(self, batch: EpisodeBatch,
                      modes: Optional[Sequence[str]] = None) -> PromptCode:
        """Encode examples and names; targets are not looked at.

        Args:
            batch (EpisodeBatch): ``targets`` may be empty.
            modes (Sequence[str], optional): Modes that the code is for.
                Defaults to None, those that the prompts allow.

        Returns:
            PromptCode: Of B samples.

        Raises:
            DataError: If a mode lacks its prompt, or names are empty, given
                twice, or too many.
        """
        if modes is None:
            modes = [mode for mode, can in (
                ('visual', batch.prompts),
                ('textual', self.text_encoder is not None)) if can]
        for names in batch.class_names:
            check_class_names(names, self.max_classes)
        code = PromptCode(batch.class_names, batch.class_valid)
        if {'visual', 'fused'} & set(modes):
            self._encode_examples(batch, code)
        if {'textual', 'fused'} & set(modes):
            code.text = self._encode_names(batch)
        return code

    def _encode_examples(self, batch: EpisodeBatch, code: PromptCode) -> None:
        if not batch.prompts or batch.masks is None:
            raise DataError('a visual prompt is asked for, but there is no '
                            'example: give one, or use mode="textual".')
        shape = batch.masks.shape[:2]  # B, K
        count = shape[0] * shape[1]
        maps = self._pooled_maps(batch.prompts, count)
        code.visual, shown = masked_average_pool(
            maps.unflatten(0, shape), batch.masks)
        code.visual_valid = shown.any(1) & batch.class_valid
        code.sensors = sensor_shares(
            shown, self._numbers(batch.prompts, count).view(shape),
            len(self.modalities))

    def _pooled_maps(self, prompts: Groups, count: int) -> Tensor:
        """The maps that are pooled, ``(B * K, C, h, w)``, 0 without a shot.

        Outside training a few images at a time: with one example of each of
        many classes there are more of them than targets.
        """
        check_sensors(prompts, self.modalities)
        maps = []
        for name, group in prompts.items():
            parts = (group.images, ) if self.training else \
                group.images.split(EXAMPLES_AT_ONCE)
            maps.append(torch.cat([self._encode(part, name)[self.pool_level]
                                   for part in parts]))
        return gather_maps(prompts, maps, count)

    def _encode_names(self, batch: EpisodeBatch) -> Tensor:
        """``(B, N, D)``; each name is encoded once."""
        if self.text_encoder is None:
            raise ConfigError('a textual prompt is asked for, but the model '
                              'has no `text_encoder`.')
        known = list(dict.fromkeys(
            name for names in batch.class_names for name in names))
        table = self.text_encoder.encode(known).to(batch.class_valid.device)
        text = table.new_zeros(*batch.class_valid.shape, table.shape[-1])
        row = {name: index for index, name in enumerate(known)}
        for index, names in enumerate(batch.class_names):
            text[index, :len(names)] = table[[row[name] for name in names]]
        return text

    def _check_spaces(self, code: PromptCode, sensors: Tensor) -> None:
        """Refuse examples of other sensors where features differ."""
        if self.shared_space or code.sensors is None:
            return
        own = F.one_hot(sensors, len(self.modalities)).bool()[:, None]
        strange = ((code.sensors > 0) & ~own).flatten(1).any(1)
        if strange.any():
            at = int(strange.nonzero()[0])
            found = [name for name, share in zip(
                self.modalities, code.sensors[at].amax(0)) if share > 0]
            raise DataError(
                f'the target is of the sensor '
                f'{self.modalities[int(sensors[at])]!r}, its examples are of '
                f'{found}, and the encoders share no feature space '
                '(`shared_space=False`): give an example of the same sensor, '
                'or align the encoders (stage 1) and set it to True.')

    # decoding ---------------------------------------------------------------

    def decode(self, maps: Maps, sensors: Tensor, code: PromptCode,
               modes: Sequence[str],
               all_layers: bool = False) -> list[dict[str, Prediction]]:
        """Former and Decoder on encoded targets and prompts.

        Args:
            maps (tuple[Tensor, ...]): Of :meth:`extract_feat`.
            sensors (Tensor): ``(B, )`` int64, number of each target's sensor.
            code (PromptCode): Of B samples.
            modes (Sequence[str]): Modes to answer.
            all_layers (bool): See :class:`VITADecoder`. Defaults to False.

        Returns:
            list[dict[str, Prediction]]: See :class:`VITADecoder`.
        """
        self._check_spaces(code, sensors)
        places = {level: self._places(maps[level])
                  for level in {*LEVELS, self.context_level}}
        context = self.former(code, maps[self.context_level],
                              places[self.context_level], sensors, modes)
        return self.decoder(
            [maps[level] for level in LEVELS],
            [places[level] for level in LEVELS], maps[0], context,
            {mode: code.valid(mode) for mode in modes}, sensors, all_layers)

    def _places(self, one: Tensor) -> Tensor:
        """Position code of the cells of a map, ``(1, h * w, C)``."""
        return self.position(None, one[:1]).flatten(2).transpose(1, 2)

    def loss(self, inputs: EpisodeBatch,
             data_samples: Optional[list] = None) -> dict[str, Tensor]:
        """Losses of all trained modes in one forward pass.

        Args:
            inputs (EpisodeBatch): With ``labels``.
            data_samples (list, optional): Unused. Defaults to None.

        Returns:
            dict[str, Tensor]: See :class:`VITALoss`.
        """
        code = self.encode_prompt(inputs, self.modes)
        layers = self.decode(
            self.extract_feat(inputs.targets),
            self._numbers(inputs.targets, len(inputs)), code, self.modes,
            all_layers=True)
        valid = {mode: code.valid(mode) for mode in self.modes}
        return self.loss_module(layers, inputs.labels, valid)

    # inference --------------------------------------------------------------

    def segment(self, targets: Groups, code: PromptCode,
                mode: str = 'fused') -> Tensor:
        """Scores of encoded prompts on whole targets.

        Args:
            targets (dict[str, ImageGroup]): By sensor.
            code (PromptCode): Of as many samples as targets, or of one.
            mode (str): 'visual', 'textual' or 'fused'. Defaults to 'fused'.

        Returns:
            Tensor: ``(B, N, H, W)`` float32 from 0 on; -1 for classes that
            cannot be found.
        """
        maps = self.extract_feat(targets)
        return self._scores(maps, targets, code, (mode, ))[mode]

    def _scores(self, maps: Maps, targets: Groups, code: PromptCode,
                modes: Sequence[str]) -> dict[str, Tensor]:
        """Of several modes that share the encoded targets."""
        code = code.expand(len(maps[0]))
        size = next(iter(targets.values())).images.shape[-2:]
        sensors = self._numbers(targets, len(maps[0]))
        out = self.decode(maps, sensors, code, modes)[-1]
        return {mode: class_scores(one, size, code.valid(mode))
                for mode, one in out.items()}

    def slide_segment(self, targets: Groups, code: PromptCode,
                      mode: str = 'fused', crop_size: Optional[int] = None,
                      stride: Optional[int] = None) -> Tensor:
        """The same in overlapping windows, whose scores are averaged.

        The prompt is encoded already, whatever the number of windows.

        Args:
            targets (dict[str, ImageGroup]): By sensor.
            code (PromptCode): As for :meth:`segment`.
            mode (str): Defaults to 'fused'.
            crop_size (int, optional): Side of a window in pixels. Defaults to
                None, ``test_cfg.crop_size``.
            stride (int, optional): From one to the next. Defaults to None,
                ``test_cfg.stride``, or 2/3 of a window.

        Returns:
            Tensor: ``(B, N, H, W)``.
        """
        return self._slide(targets, code, (mode, ), crop_size, stride)[mode]

    def _slide(self, targets: Groups, code: PromptCode, modes: Sequence[str],
               crop_size: Optional[int] = None,
               stride: Optional[int] = None) -> dict[str, Tensor]:
        crop = crop_size or self.test_cfg.get('crop_size')
        size = tuple(next(iter(targets.values())).images.shape[-2:])
        if crop is None or max(size) <= crop:
            return self._scores(self.extract_feat(targets), targets, code,
                                modes)
        step = stride or self.test_cfg.get('stride') or crop * 2 // 3
        return slide(lambda cut: self._scores(self.extract_feat(cut), cut,
                                              code, modes),
                     targets, crop, step)

    @torch.no_grad()
    def predict(self, inputs: EpisodeBatch,
                data_samples: Optional[list] = None,
                mode: Optional[str] = None) -> list[EpisodeSample]:
        """Label maps.

        Args:
            inputs (EpisodeBatch): Targets and prompts.
            data_samples (list[EpisodeSample], optional): Filled and returned.
                Defaults to None, new ones.
            mode (str, optional): Instead of ``test_cfg.modes``. Defaults to
                None.

        Returns:
            list[EpisodeSample]: ``pred_{mode}`` ``(1, H, W)`` for each mode,
            of the first one also ``pred_sem_seg`` and ``seg_logits``
            ``(N, H, W)``; of the size of the target.
        """
        modes = _check_modes(
            (mode, ) if mode else self.test_cfg.get('modes', ('fused', )),
            self.text_encoder is not None)
        code = self._cached_code(inputs, modes)
        scores = self._slide(inputs.targets, code, modes)
        samples = data_samples or [EpisodeSample() for _ in range(len(inputs))]
        for index, sample in enumerate(samples):
            count = len(inputs.class_names[index])
            height, width = inputs.sizes[index] if inputs.sizes else \
                inputs.target_size
            for name in modes:
                one = scores[name][index, :count, :height, :width]
                labels = PixelData(data=self._labels(one)[None])
                sample.set_field(labels, f'pred_{name}')
                if name == modes[0]:
                    sample.pred_sem_seg = labels
                    sample.seg_logits = PixelData(data=one)
        return samples

    def _labels(self, scores: Tensor) -> Tensor:
        """``(N, H, W)`` to ``(H, W)`` int64."""
        best, labels = scores.max(0)
        least = self.test_cfg.get('background')
        if least is not None:
            labels = labels.masked_fill(best < least, OTHER_LABEL)
        return labels

    def _cached_code(self, inputs: EpisodeBatch,
                     modes: Sequence[str]) -> PromptCode:
        """Encode once what samples of one prompt key share."""
        keys = inputs.prompt_keys
        if not keys or not keys[0] or len(set(keys)) > 1:
            return self.encode_prompt(inputs, modes)
        key = keys[0], tuple(modes)
        if self._kept is None or self._kept[0] != key:
            code = self.encode_prompt(first_prompt(inputs), modes)
            self._kept = key, code.detach()
        return self._kept[1]

    def encode_decode(self, inputs: EpisodeBatch,
                      batch_data_samples: list) -> Tensor:
        """Scores of the first mode of ``test_cfg``, ``(B, N, H, W)``."""
        modes = self.test_cfg.get('modes', ('fused', ))[:1]
        return self._slide(inputs.targets, self.encode_prompt(inputs, modes),
                           modes)[modes[0]]

    def _forward(self, inputs: EpisodeBatch,
                 data_samples: Optional[Any] = None) -> Tensor:
        """See :meth:`encode_decode`."""
        return self.encode_decode(inputs, data_samples)


def _check_modes(modes: Sequence[str], text: bool) -> tuple[str, ...]:
    """Modes as a tuple, in their order.

    Raises:
        ConfigError: If one is unknown, or needs text where there is none.
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or isinstance(modes, str):
        raise ConfigError(f'VITASegmentor: modes are {MODES}, as a sequence; '
                          f'got {modes!r}')
    if not text and set(modes) - {'visual'}:
        raise ConfigError(f'VITASegmentor: the modes {list(modes)} need a '
                          "`text_encoder`; without one only ('visual', ) is "
                          'possible')
    return tuple(modes)
