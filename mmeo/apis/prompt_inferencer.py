# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.PromptInferencer``: segment what a user shows and names."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

import mmcv
import numpy as np
import torch

from mmeo.errors import ConfigError, DataError
from mmeo.geo.raster import Band
from mmeo.visualization.prompt_picture import Colour

from .prompt_batch import make_batch
from .prompt_drawing import choose_palette, draw_request
from .prompt_inputs import ImageLike, PromptImage
from .prompt_model import ModelLike, find_norms, load_model
from .prompt_outputs import LabelWriter, output_name, output_paths
from .prompt_request import PromptRequest, find_background, make_request
from .prompt_slide import pad_divisor, segment_rows, strip_scores, to_labels

#: Window where neither the config nor the user names one (our choice).
CROP_SIZE = 512


class PromptInferencer:
    """Segment images by examples, by names, or by both, with no training.

    Args:
        model (str | Path | dict | Config | nn.Module): Config of a
            ``VITASegmentor``: its file, its name, or the config; or the
            model itself.
        weights (str, optional): Checkpoint; None only with a module.
        device (str, optional): Defaults to the GPU if there is one.
        palette (Sequence | Mapping, optional): RGB of the classes in their
            order, or by name. Defaults to distinct colours.
        norms (Mapping, optional): Sensor -> arguments of
            :class:`~mmeo.datasets.band_norm.BandNorm`, instead of those of
            the config, see :func:`~mmeo.apis.prompt_model.find_norms`.
        crop_size (int, optional): Side of the windows that large images are
            cut to. Defaults to ``test_cfg.crop_size``, else 512.
        stride (int, optional): From one window to the next. Defaults to
            ``test_cfg.stride``, else 2/3 of a window.
        trust_checkpoint (bool): Unpickle whatever the checkpoint holds, which
            lets it run code. Defaults to False.
        cfg_options (dict, optional): Dotted config keys to override.

    Raises:
        ConfigError: If the config is no model for prompts, has no weights, or
            normalises a sensor in several ways.
        CheckpointError: If the weights do not fit.

    Example:
        >>> inferencer = PromptInferencer('config.py', 'weights.pth')
        >>> inferencer('target.tif', example='example.tif', mask='mask.tif',
        ...            text=['flooded road'], out='map.tif')
    """

    def __init__(self,
                 model: ModelLike,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 palette: Union[Sequence[Colour], Mapping[str, Colour],
                                None] = None,
                 norms: Optional[Mapping[str, Any]] = None,
                 crop_size: Optional[int] = None,
                 stride: Optional[int] = None,
                 trust_checkpoint: bool = False,
                 cfg_options: Optional[dict] = None) -> None:
        self.model, self.cfg = load_model(model, weights, device,
                                          trust_checkpoint, cfg_options)
        self.device = next(self.model.parameters()).device
        self.modalities = tuple(self.model.modalities)
        self.norms, self._notes = find_norms(self.cfg, self.modalities,
                                             norms)
        self.palette = palette
        test_cfg = self.model.test_cfg
        drawing = getattr(self.model.data_preprocessor, 'drawing', {})
        self.radius = drawing.get('radius', 8.)
        self.crop_size = crop_size or test_cfg.get('crop_size') or CROP_SIZE
        self.stride = stride or test_cfg.get('stride') or \
            max(1, self.crop_size * 2 // 3)
        if not 0 < self.stride <= self.crop_size:
            raise ConfigError(
                f'windows of {self.crop_size} pixels with a stride of '
                f'{self.stride} leave gaps: the stride is from 1 to the size '
                'of a window.')

    @torch.inference_mode()
    def __call__(self,
                 targets: Union[ImageLike, Sequence[ImageLike]],
                 example: Union[ImageLike, Sequence[ImageLike], None] = None,
                 mask: Any = None,
                 boxes: Any = None,
                 points: Any = None,
                 text: Union[str, Sequence[str], None] = None,
                 mode: Optional[str] = None,
                 modality: str = 'hr',
                 example_modality: Union[str, Sequence[str], None] = None,
                 background: Union[float, str, None] = None,
                 out: Optional[str] = None,
                 show_dir: Optional[str] = None,
                 return_vis: bool = False,
                 values: Optional[Mapping[str, int]] = None,
                 bands: Optional[Sequence[Band]] = None,
                 example_bands: Optional[Sequence[Band]] = None,
                 nodata: Union[float, str, None] = 'file',
                 overwrite: bool = False,
                 return_labels: bool = True,
                 return_scores: bool = False) -> dict[str, list]:
        """Segment targets.

        Args:
            targets: Raster, 8-bit picture, ``(H, W, C)`` array, or a list.
            example: The same, of one example or several.
            mask: Of each example a label map of its size, a file or a
                ``(H, W)`` array: 0 is no class, 1 to N are the classes in
                their order, 255 is unlabelled; with one class any value is
                it.
            boxes: ``{name: [(x1, y1, x2, y2), ...]}`` in pixels of the
                example; with one class also without the name. With several
                examples a list of such dicts.
            points: The same of ``(x, y)``.
            text: Names of the classes. Without, they are those of boxes,
                points or ``values``, else "class 1" and so on.
            mode: 'visual', 'textual' or 'fused'. Defaults to fused with
                examples and names, else to what there is.
            modality: Sensor of the targets. Defaults to 'hr'.
            example_modality: Sensor of the examples, one or a list. Defaults
                to that of the targets.
            background: A score below which a pixel is none of the classes,
                or the name of the class that stands for none of them; such
                pixels are 0. Defaults to ``test_cfg.background``; with
                neither each pixel with data is one of the classes.
            out: GeoTIFF to write; with several targets a folder.
            show_dir: Folder for pictures, ``<name of the target>.png``.
            return_vis: Return pictures. Defaults to False.
            values: Class -> its value in the masks.
            bands: Of rasters, those of the targets, see
                :class:`~mmeo.apis.prompt_inputs.PromptImage`.
            example_bands: Those of the examples. Defaults to ``bands`` for
                the same sensor.
            nodata: Value of pixels without data. Defaults to 'file'.
            overwrite: Replace existing outputs. Defaults to False.
            return_labels: Return the maps; False saves memory where they are
                written. Defaults to True.
            return_scores: Return scores. Defaults to False.

        Returns:
            dict: ``predictions``, of each target a dict with ``labels``
            ``(H, W)`` uint8 (0 for none or no data, 1 to N), ``classes``,
            ``palette``, ``counts`` (pixels of 0 to N), ``mode``,
            ``unfindable`` (classes without example in visual mode), ``path``
            of the target, ``out``, ``crs``, ``transform``, and ``scores``
            ``(N, H, W)`` float32 if asked for; ``visualization``, RGB
            pictures, if asked for.

        Raises:
            DataError: If an input cannot be used, or an output exists.
            ConfigError: If an option does not fit.
        """
        targets = self._open(targets, modality, bands, nodata, 'target')
        if example_bands is None and example_modality in (None, modality):
            example_bands = bands
        examples = [] if example is None else self._open(
            example, example_modality or modality, example_bands, nodata,
            'example')
        request = make_request(examples, mask, boxes, points, text, values,
                               mode, self.model.max_classes,
                               crop_size=self.crop_size, radius=self.radius)
        if request.mode != 'textual':
            self._check_space(targets, examples)
        if background is None:
            background = self.model.test_cfg.get('background')
        least, none = find_background(background, request.classes)
        outs = output_paths(out, targets, [*targets, *examples], overwrite)
        if request.unfindable:
            warnings.warn(
                f'no example shows {", ".join(request.unfindable)}: the '
                'visual mode cannot find it.', stacklevel=2)
        code = self.model.encode_prompt(
            make_batch(request, self.crop_size, pad_divisor(self.model),
                       self.device), (request.mode, ))
        results: dict[str, list] = dict(predictions=[], visualization=[])
        for image, path in zip(targets, outs):
            draw = return_vis or show_dir is not None
            result = self._segment(
                image, request, code, path, least, none,
                return_labels or draw, return_scores)
            if draw:
                picture = draw_request(
                    request, image, result['labels'], result['palette'])
                if show_dir is not None:
                    mmcv.imwrite(picture[..., ::-1], str(
                        Path(show_dir) / f'{output_name(image, targets)}.png'))
                if return_vis:
                    results['visualization'].append(picture)
            if not return_labels:
                result['labels'] = None
            results['predictions'].append(result)
        return results

    def _open(self, images: Any, modality: Union[str, Sequence[str]],
              bands: Optional[Sequence[Band]],
              nodata: Union[float, str, None], what: str
              ) -> list[PromptImage]:
        images = list(images) if isinstance(images, (list, tuple)) else [
            images]
        if not images:
            raise DataError(f'no {what} was given.')
        sensors = [modality] * len(images) if isinstance(modality, str) \
            else list(modality)
        if len(sensors) != len(images):
            raise DataError(f'{len(images)} {what}(s) and {len(sensors)} '
                            'modalities: name one for all, or one for each.')
        for sensor in sensors:
            if sensor not in self.norms:
                raise DataError(
                    f'{what} of the modality {sensor!r}: this model knows '
                    f'{", ".join(self.norms)}.')
            if sensor in self._notes:
                warnings.warn(self._notes[sensor], stacklevel=3)
        return [PromptImage(image, sensor, self.norms[sensor], bands, nodata,
                            what) for image, sensor in zip(images, sensors)]

    def _check_space(self, targets: Sequence[PromptImage],
                     examples: Sequence[PromptImage]) -> None:
        if getattr(self.model, 'shared_space', True):
            return
        for example in examples:
            if example.modality != targets[0].modality:
                raise DataError(
                    f'{example.name} is of the sensor {example.modality!r}, '
                    f'the target of {targets[0].modality!r}, and this model '
                    'has no feature space for both: give an example of the '
                    "target's sensor, or names alone.")

    def _segment(self, image: PromptImage, request: PromptRequest, code: Any,
                 out: Optional[Path], least: Optional[float],
                 none: Optional[int], keep: bool,
                 return_scores: bool) -> dict[str, Any]:
        """One target, strip by strip."""
        count = len(request.classes)
        palette = choose_palette(self.palette, request.classes)
        segment = partial(
            strip_scores, model=self.model, code=code,
            modality=image.modality, mode=request.mode,
            crop_size=self.crop_size, stride=self.stride)
        counts = np.zeros(count + 1, np.int64)
        labels, scores = [], []
        with ExitStack() as stack:
            writer = out and stack.enter_context(LabelWriter(
                out, image, _legend(request.classes, none), palette,
                dict(mode=request.mode)))
            for part, missing in segment_rows(
                    image, segment, count, self.crop_size, self.stride):
                rows = to_labels(part, missing, least, none)
                counts += np.bincount(rows.ravel(), minlength=count + 1)
                if writer:
                    writer.write(rows)
                if keep:
                    labels.append(rows)
                if return_scores:
                    scores.append(part)
        result = dict(
            labels=np.concatenate(labels) if keep else None,
            classes=request.classes, palette=palette, counts=counts.tolist(),
            mode=request.mode, unfindable=request.unfindable,
            path=image.path, out=out and str(out), crs=image.crs,
            transform=image.transform)
        if return_scores:
            result['scores'] = torch.cat(scores, 1).numpy()
        return result


def _legend(classes: Sequence[str], none: Optional[int]) -> dict[int, str]:
    return {value: name for value, name in enumerate(classes, 1)
            if value != none}
