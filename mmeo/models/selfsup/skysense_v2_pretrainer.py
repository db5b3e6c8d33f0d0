# Copyright (c) mmeo contributors. All rights reserved.
"""SkySense V2's pretraining."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from mmeo.errors import ConfigError
from mmeo.registry import MODELS
from mmeo.structures import CropBatch
from mmeo.structures.modality import NO_LABEL

from ..losses import koleo_loss
from .alignment_head import AlignmentHead
from .branch import FUSED, SelfSupBranch, Views
from .mgcl_head import mean_frame
from .momentum_teacher import MomentumTeacher
from .view_contrast import ViewContrast
from .view_matching import ViewPairs, match_views

# The paper names the three losses and no weights: 1 each. Those of experts
# are weighted inside them.
WEIGHTS = dict(mgcl=1., ita=1., qsacl=1., moe=1., koleo=0., alignment=0.)
CONTRAST = dict(type='mmeo.DINOContrast')


@MODELS.register_module()
class SkySenseV2Pretrainer(MomentumTeacher, BaseModel):
    """A student learns from a moving average of itself, on crops.

    ``L = a L_MGCL + b L_ITA + c L_QSACL`` (SkySense V2, arXiv 2507.13812),
    and the balance of experts. Student and teacher hold a backbone, its
    fusion, the heads, queries, decoder and centroids; text alignment is the
    student's alone. The teacher sees global and local crops, as QSACL needs;
    it is in evaluation mode and gets no gradient. ``EMATeacherHook`` moves it
    and tells this model the iteration, on which all schedules depend, and
    nothing else. Numbers that the paper leaves open are DINOv2's, or ours.

    Args:
        backbone (dict): :class:`SkySenseV2`.
        fusion (dict, optional): :class:`TemporalFusion`; its map is one more
            source of MGCL. Defaults to None.
        mgcl (dict, optional): Options of :class:`MGCLHead`; None switches the
            loss off. ``sources``: modalities and ``'fused'``, by default all.
        qsacl (dict, optional): Options of :class:`QSACLHead`, and
            ``sources``, by default all modalities; None switches it off.
        ita (dict, optional): Options of :class:`ITAHead`, and ``source``, by
            default 'hr'; None switches it off.
        contrast (dict, optional): ``L_CL`` where ``mgcl`` and ``qsacl`` name
            no other. Defaults to :class:`DINOContrast`.
        loss_weights (dict, optional): Of ``mgcl``, ``ita``, ``qsacl``,
            ``moe``, ``koleo``, ``alignment``. Defaults to 1, 1, 1, 1, 0, 0.
        alignment (dict, optional): Options of :class:`AlignmentHead`, used if
            its weight is not 0. Defaults to None.
        momentum (float or Sequence[float]): Of the teacher; two numbers are
            the ends of a cosine. Defaults to (0.994, 1.0).
        teacher_temp (float or Sequence[float]): Two numbers are the ends of a
            line. Defaults to (0.04, 0.07).
        temp_warmup (float): Share of the run that the line takes. Defaults to
            0.05.
        freeze_prototypes (int): First iterations in which the last layer of
            the heads stays as it is. Defaults to 1250.
        data_preprocessor (dict, optional): Defaults to
            :class:`MultiCropDataPreprocessor` with the backbone's bands.
        init_cfg (dict, optional): Of mmengine.

    Raises:
        ConfigError: If there is nothing to learn, a weight is unknown, or no
            loss reads a modality or the fusion.
    """

    def __init__(self,
                 backbone: Mapping,
                 fusion: Optional[Mapping] = None,
                 mgcl: Optional[Mapping] = None,
                 qsacl: Optional[Mapping] = None,
                 ita: Optional[Mapping] = None,
                 contrast: Optional[Mapping] = None,
                 loss_weights: Optional[Mapping[str, float]] = None,
                 alignment: Optional[Mapping] = None,
                 momentum: Union[float, Sequence[float]] = (0.994, 1.0),
                 teacher_temp: Union[float, Sequence[float]] = (0.04, 0.07),
                 temp_warmup: float = 0.05,
                 freeze_prototypes: int = 1250,
                 data_preprocessor: Optional[Mapping] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(None, init_cfg)
        self.weights = _loss_weights(loss_weights)
        contrast = dict(contrast or CONTRAST)
        mgcl, qsacl = (cfg and {'contrast': contrast, **cfg}
                       for cfg in (mgcl, qsacl))
        self.student = SelfSupBranch(backbone, fusion, mgcl, qsacl)
        specs = self.student.backbone.modalities
        self.data_preprocessor = MODELS.build(dict(data_preprocessor or dict(
            type='mmeo.MultiCropDataPreprocessor',
            modalities={k: v['in_channels'] for k, v in specs.items()})))
        self.contrast = ViewContrast(self.student, mgcl, qsacl)
        channels = self.student.backbone.out_channels[-1]
        ita = dict(ita or {})
        self.ita_source = ita.pop('source', 'hr')
        if ita and self.ita_source not in specs:
            raise ConfigError(f"ita['source']={self.ita_source!r} must be one "
                              f'of the modalities {", ".join(specs)}.')
        self.ita = MODELS.build(dict(
            type='mmeo.ITAHead', in_channels=channels, **ita)) if ita else None
        self.alignment = AlignmentHead(channels, **(alignment or {})) \
            if self.weights['alignment'] else None
        if self.alignment is not None and len(specs) < 2:
            raise ConfigError("loss_weights['alignment'] compares modalities, "
                              f'and the backbone has only {list(specs)}.')
        if not (mgcl or qsacl or ita):
            raise ConfigError('SkySenseV2Pretrainer has nothing to learn: '
                              'give mgcl, qsacl or ita.')
        self._check_sources(fusion is not None)
        self._make_teacher(momentum, teacher_temp, temp_warmup,
                           freeze_prototypes)

    def _check_sources(self, fusion: bool) -> None:
        names = set(self.student.backbone.modalities)
        read = {*self.student.mgcl_sources, *self.student.qsacl_sources}
        read |= {self.ita_source} if self.ita is not None else set()
        if FUSED in read or self.weights['koleo'] or self.weights['alignment']:
            read |= names
        idle = sorted((names | ({FUSED} if fusion else set())) - read)
        if idle:
            # Without gradient: distributed training would wait for it.
            raise ConfigError(
                f'no loss reads {idle}: add them to the sources of mgcl or '
                'qsacl, or drop them from backbone.modalities (fusion=None).')

    def forward(self,
                inputs: Sequence[CropBatch],
                data_samples: Optional[list] = None,
                mode: str = 'tensor') -> Any:
        """Run.

        Args:
            inputs (Sequence[CropBatch]): Global crops first.
            data_samples (list, optional): One per sample.
            mode (str): 'loss' returns a dict of losses and of numbers for the
                log; 'tensor' the student's maps, by kind and source
                ``(V, B, T, C, h, w)``; 'predict' the teacher's mean feature
                of the first crop ``(C, )``, a dict by modality for each
                sample.

        Returns:
            dict or list[dict]: See ``mode``.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'tensor':
            views = self.student(inputs, None, 'student', local_maps=True,
                                 heads=False)['views']
            return {kind: {name: view.maps for name, view in found.items()}
                    for kind, found in views.items()}
        if mode == 'predict':
            return self.predict(inputs)
        raise ConfigError(f"mode={mode!r} is none of 'tensor', 'loss', "
                          "'predict'")

    @torch.no_grad()
    def predict(self, inputs: Sequence[CropBatch]) -> list[dict]:
        """See :meth:`forward`; a modality that a sample lacks is absent."""
        views = self.teacher(inputs, None, 'teacher',
                             heads=False)['views']['global']
        out: list[dict] = [{} for _ in inputs[0].boxes]
        for name, view in views.items():
            frames = view.valid[0].sum(-1)  # (B, )
            mean = view.maps[0].mean((-2, -1)).sum(1) / frames.clamp(
                min=1)[:, None]
            for i in frames.nonzero().flatten().tolist():
                out[i][name] = mean[i]
        return out

    def check_classes(self, classes: Optional[Sequence[str]]) -> None:
        """See :meth:`ITAHead.check_classes`."""
        if self.ita is not None:
            self.ita.check_classes(classes)

    def _pairs(self, inputs: Sequence[CropBatch]) -> Optional[ViewPairs]:
        crops = [crop for crop in inputs if crop.kind == 'global']
        for head in self.student.mgcl.values():
            if len(crops) < 2:
                raise ConfigError('MGCL compares global crops and needs two: '
                                  'set num_global=2 in MultiModalMultiCrop.')
            return match_views(crops, head.grid_size, head.sampling_ratio,
                               head.min_overlap)
        return None

    def loss(self,
             inputs: Sequence[CropBatch],
             data_samples: Optional[list] = None) -> dict[str, Tensor]:
        """Losses, and numbers for the log.

        Args:
            inputs (Sequence[CropBatch]): Global crops first.
            data_samples (list, optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_mgcl_<source>_<level>``,
            ``loss_qsacl_<source>``, ``loss_ita``, ``loss_moe``,
            ``loss_koleo``, ``loss_alignment``, each times its weight. For the
            log: ``entropy_…`` of the teacher's targets (1 is uniform),
            ``std_<modality>`` of image features (0 is collapse, 1 as spread
            as can be), ``ita_acc``, ``ita_pixels`` (labelled ones of this
            process), ``no_overlap`` (pairs of crops without common ground in
            this batch).
        """
        pairs = self._pairs(inputs)
        with torch.no_grad():
            taught = self.teacher(inputs, pairs, 'teacher')
        groups = {name: found.get('groups')
                  for name, found in taught['mgcl'].items()}
        learnt = self.student(
            inputs, pairs, 'student', groups,
            local_maps=self.ita is not None and 'local' in self.ita.kinds)
        found = self.contrast(learnt, taught, self.current_temp)
        if self.ita is not None:
            found.update(self._align_text(learnt['views'], inputs))
        if learnt['aux'].requires_grad:
            found['loss_moe'] = learnt['aux']
        found.update(self._spread(learnt['views']['global']))
        if self.alignment is not None:
            found['loss_alignment'] = self.alignment(
                {name: view for name, view in
                 learnt['views']['global'].items() if name != FUSED})
        if pairs is not None:
            found['no_overlap'] = (~pairs.overlaps).sum().float()
        return {name: self._weight(name) * value if 'loss' in name else value
                for name, value in found.items()}

    def _weight(self, name: str) -> float:
        """Weight of ``loss_<kind>…``."""
        return self.weights[name.split('_')[1]]

    def _align_text(self, views: Mapping[str, Mapping[str, Views]],
                    inputs: Sequence[CropBatch]) -> dict[str, Tensor]:
        maps, labels = [], []
        for kind, found in views.items():
            view = found[self.ita_source]
            crops = [crop for crop in inputs if crop.kind == kind]
            for crop, m, valid in zip(crops, *mean_frame(view.maps,
                                                         view.valid)):
                if kind in self.ita.kinds:
                    # A batch may lack labels: it still gives gradients of 0.
                    known = crop.labels if crop.labels is not None else \
                        crop.turns.new_full((len(m), 1, 1), NO_LABEL)
                    maps.append(m[:, 0])
                    labels.append(known.where(
                        valid[:, 0, None, None], NO_LABEL))
        return self.ita(maps, labels)

    def _spread(self, views: Mapping[str, Views]) -> dict[str, Tensor]:
        """How far image features lie apart, and KoLeo."""
        out, koleo = {}, []
        for name, view in views.items():
            maps, valid = mean_frame(view.maps, view.valid)
            rows = [m.mean((-2, -1))[v] for m, v in zip(maps, valid)]
            out[f'std_{name}'] = feature_std(rows[0])
            koleo += [koleo_loss(row) for row in rows]
        if self.weights['koleo']:
            out['loss_koleo'] = sum(koleo) / len(koleo)
        return out


@torch.no_grad()
def feature_std(rows: Tensor) -> Tensor:
    """Standard deviation of unit rows, times the root of their width.

    Args:
        rows (Tensor): ``(N, C)``.

    Returns:
        Tensor: 0 where all rows are the same, up to 1.
    """
    rows = F.normalize(rows.float(), dim=-1)
    if len(rows) < 2:
        return rows.new_zeros(())
    return rows.std(0, unbiased=False).square().sum().sqrt()


def _loss_weights(given: Optional[Mapping[str, float]]) -> dict[str, float]:
    unknown = sorted(set(given or {}) - set(WEIGHTS))
    if unknown:
        raise ConfigError(f'loss_weights has {unknown}, and knows '
                          f'{sorted(WEIGHTS)}.')
    return {**WEIGHTS, **(given or {})}
