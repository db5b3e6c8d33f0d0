# Copyright (c) mmeo contributors. All rights reserved.
"""SAM answering the visual prompts of an episode."""

from typing import Optional, Union

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor

from mmeo.errors import ConfigError, DataError
from mmeo.models.in_context.prompt_kinds import disk_radius
from mmeo.models.sam.sam_model import SAMModel
from mmeo.models.sam.sam_prompts import KINDS, SAMPrompt, region_prompts
from mmeo.registry import MODELS
from mmeo.structures.episode import (
    OTHER_LABEL,
    EpisodeBatch,
    EpisodeSample,
)


@MODELS.register_module()
class SAMPromptSegmentor(BaseModel):
    """The SAM series in the place of SkySense-VITA, intra-image.

    SAM needs its prompt on the very image it segments. The episodes therefore
    come with the target as its own example (``exemplar_policy='intra'`` of
    :class:`InContextTestDataset`), and VITA is compared on the same episodes.
    There are no weights to train and names are not read: only the mode
    ``'visual'`` exists. The logit of a class is the highest among its
    prompts' (see :func:`region_prompts`); the classes of a pixel are ranked
    by it.

    Args:
        sam (dict): Arguments of :class:`SAMModel`.
        prompt_kind (str, optional): ``'mask'``, ``'box'`` or ``'point'``.
            Defaults to that of each episode.
            With data sets that show masks, SAM's own boxes and points are
            exact: they are drawn around or inside each region.
        group (str): One prompt for each connected ``'region'`` of a class or
            one for the ``'class'``. Defaults to 'region'.
        point_radius (float): As in the data preprocessor, where points come
            as disks. Defaults to 8.
        test_cfg (dict, optional): ``background``: a pixel is none of the
            classes where all logits are below it; 0 is where SAM itself draws
            the border. Defaults to None: always one of them, as VITA's.
            ``background_class``: a class of this name is not asked for, but
            found where all others have logits below 0; where a set has such
            a class it is what no object covers, and no object to SAM.
            ``modes`` may only be ``('visual', )``.
        mean, std (tuple[float]): Of the normalisation of the targets, which
            is undone because SAM's processor takes 8-bit RGB. Default to
            those of ImageNet.
        data_preprocessor (dict, optional): Defaults to
            ``dict(type='EpisodePreprocessor')``.

    Raises:
        ConfigError: If an argument is unknown.
    """

    def __init__(self,
                 sam: dict,
                 prompt_kind: Optional[str] = None,
                 group: str = 'region',
                 point_radius: float = 8.,
                 test_cfg: Optional[dict] = None,
                 mean: tuple[float, ...] = (123.675, 116.28, 103.53),
                 std: tuple[float, ...] = (58.395, 57.12, 57.375),
                 data_preprocessor: Optional[dict] = None) -> None:
        super().__init__(data_preprocessor or dict(type='EpisodePreprocessor'))
        if prompt_kind is not None and prompt_kind not in KINDS:
            raise ConfigError(f'prompt_kind={prompt_kind!r}: choose from '
                              f'{", ".join(KINDS)}')
        self.test_cfg = dict(test_cfg or {})
        self._check_modes(self.test_cfg.get('modes', ('visual', )))
        self.sam = SAMModel(**sam)
        self.prompt_kind = prompt_kind
        self.group = group
        self.point_radius = point_radius
        self.mean, self.std = mean, std

    @staticmethod
    def _check_modes(modes: tuple[str, ...]) -> None:
        if tuple(modes) != ('visual', ):
            raise ConfigError(f'modes={tuple(modes)}: SAM reads no names, so '
                              "its only mode is ('visual', ).")

    def forward(self,
                inputs: EpisodeBatch,
                data_samples: Optional[list[EpisodeSample]] = None,
                mode: str = 'tensor'
                ) -> Union[list[Tensor], list[EpisodeSample]]:
        """Scores or predictions.

        Args:
            inputs (EpisodeBatch): The episodes.
            data_samples (list[EpisodeSample], optional): Of each target.
            mode (str): ``'predict'``, or ``'tensor'`` for
                :meth:`class_logits` of each sample. Defaults to 'tensor'.

        Raises:
            ConfigError: If asked for a loss.
        """
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return [self.class_logits(inputs, i, data_samples)
                    for i in range(len(inputs))]
        raise ConfigError(f'SAMPromptSegmentor has no mode {mode!r}: it is '
                          'only evaluated, not trained.')

    @torch.no_grad()
    def predict(self, inputs: EpisodeBatch,
                data_samples: Optional[list[EpisodeSample]] = None,
                mode: Optional[str] = None) -> list[EpisodeSample]:
        """Segment the targets.

        Args:
            inputs (EpisodeBatch): The episodes.
            data_samples (list[EpisodeSample], optional): Of each target; the
                predictions are added to them.
            mode (str, optional): Only ``'visual'``.

        Returns:
            list[EpisodeSample]: With ``pred_sem_seg`` and ``pred_visual``
            ``(1, H, W)`` and ``seg_logits`` ``(N, H, W)``.
        """
        self._check_modes((mode or 'visual', ))
        if data_samples is None:
            data_samples = [EpisodeSample() for _ in range(len(inputs))]
        for i, sample in enumerate(data_samples):
            logits = self.class_logits(inputs, i, data_samples)
            labels = PixelData(data=self._labels(logits)[None])
            sample.set_data(dict(
                pred_sem_seg=labels, pred_visual=labels,
                seg_logits=PixelData(data=logits)))
        return data_samples

    def class_logits(self, inputs: EpisodeBatch, index: int,
                     data_samples: Optional[list[EpisodeSample]] = None
                     ) -> Tensor:
        """SAM's logits of each class of one sample.

        Args:
            inputs (EpisodeBatch): The episodes.
            index (int): Which of them.
            data_samples (list[EpisodeSample], optional): Say the kinds of the
                prompts.

        Returns:
            Tensor: ``(N, H, W)`` without padding of the target; -inf for a
            class without prompt.

        Raises:
            DataError: If the target is no optical image, or the example is
                another image than the target.
        """
        target = self._target(inputs, index)
        number = inputs.class_valid.shape[1]
        logits = target.new_full((number, *target.shape[-2:]), -torch.inf)
        rest = self._background(inputs.class_names[index])
        prompts = [prompt for prompt in self._prompts(
            inputs, index, target, data_samples) if prompt.class_id != rest]
        if rest is not None:
            logits[rest] = 0
        if prompts:
            answers = self.sam(self._to_rgb(target), prompts)
            for prompt, answer in zip(prompts, answers):
                own = logits[prompt.class_id]
                torch.maximum(own, answer.to(own), out=own)
        return logits

    def _background(self, names: tuple[str, ...]) -> Optional[int]:
        """Number of the class that is what no object covers."""
        wanted = self.test_cfg.get('background_class')
        names = [name.casefold() for name in names]
        if wanted is None or wanted.casefold() not in names:
            return None
        return names.index(wanted.casefold())

    def _labels(self, logits: Tensor) -> Tensor:
        best, labels = logits.max(dim=0)  # (H, W)
        background = self.test_cfg.get('background')
        floor = -torch.inf if background is None else background
        # Where no class has a prompt, all are -inf and none is meant.
        other = best.isneginf() | (best < floor)
        return labels.masked_fill(other, OTHER_LABEL)

    def _target(self, inputs: EpisodeBatch, index: int) -> Tensor:
        for modality, group in inputs.targets.items():
            row = (group.index == index).nonzero()
            if not len(row):
                continue
            if modality != 'hr':
                raise DataError(
                    f'the target is of sensor {modality!r}: SAM and SAM2 '
                    "segment optical RGB images ('hr') only. Compare on "
                    'optical data sets.')
            image = group.images[row[0, 0]]
            height, width = (image.shape[-2:] if inputs.sizes is None
                             else inputs.sizes[index])
            return image[:, :height, :width]
        raise DataError(f'sample {index} of the batch has no target image')

    def _prompts(self, inputs: EpisodeBatch, index: int, target: Tensor,
                 data_samples: Optional[list[EpisodeSample]]
                 ) -> list[SAMPrompt]:
        if inputs.masks is None:
            raise DataError('the episode has no visual prompt, and SAM has '
                            'no other mode: give masks, boxes or points.')
        height, width = target.shape[-2:]
        prompts = []
        for shot, masks in enumerate(inputs.masks[index]):  # (N, h, w)
            masks = masks & inputs.class_valid[index, :, None, None]
            if not masks.any():
                continue
            self._check_intra(inputs, index, shot, target)
            kind = self._kind(index, shot, data_samples)
            for name, mask in enumerate(masks[:, :height, :width]):
                prompts += region_prompts(
                    mask.cpu().numpy(), name, kind, self.group,
                    disk_radius((height, width), self.point_radius))
        return prompts

    def _kind(self, index: int, shot: int,
              data_samples: Optional[list[EpisodeSample]]) -> str:
        if self.prompt_kind is not None:
            return self.prompt_kind
        sample = None if data_samples is None else data_samples[index]
        kinds = None if sample is None else sample.get('prompt_kinds')
        return 'mask' if not kinds else kinds[shot]

    @staticmethod
    def _check_intra(inputs: EpisodeBatch, index: int, shot: int,
                     target: Tensor) -> None:
        """Stop where the example is another image."""
        height, width = target.shape[-2:]
        position = index * inputs.num_shots + shot
        group = inputs.prompts.get('hr')
        row = [] if group is None else (group.index == position).nonzero()
        if len(row):
            example = group.images[row[0, 0]][:, :height, :width]
            if example.shape == target.shape and torch.equal(example, target):
                return
        raise DataError(
            'SAM takes its prompt in the target image itself, but the example '
            'is another image. Evaluate it on a data set with '
            "exemplar_policy='intra'.")

    def _to_rgb(self, image: Tensor) -> Tensor:
        """``(3, H, W)`` normalised to uint8."""
        mean = image.new_tensor(self.mean)[:, None, None]
        std = image.new_tensor(self.std)[:, None, None]
        return (image * std + mean).round().clamp(0, 255).to(torch.uint8)

