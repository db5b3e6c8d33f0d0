# Copyright (c) mmeo contributors. All rights reserved.
"""A pretraining step of a config: samples and TFLOP a second, memory.

Model, optimiser, crops, series lengths and batch size are the config's;
pixels, labels and text embeddings are random, so no data is needed. A step is
what training does: preprocessing, teacher, student, losses, backward,
optimiser, moving average. Reading and augmentation are not in it. One process
runs the whole model: what FSDP adds and saves is not measured.

FLOPs are those of the products of a step without recomputation, counted by
torch over one batch; grouped products of experts on a GPU are not counted.
Memory on a GPU is the allocator's peak; on a CPU what autograd keeps of the
losses, beside the sizes of weights, gradients and the optimiser's state.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import mmeo
from mmeo.models.selfsup.text_embeddings import (
    random_table,
    read_class_names,
    save_table,
)
from mmeo.registry import TRANSFORMS

from .measure import (
    add_device_arguments,
    autocast,
    kept_bytes,
    print_machine,
    seconds,
)

# Two global crops that overlap, and places of local ones.
BOXES = {
    'global': [[0., 0., .75, .75], [.25, .25, 1., 1.]],
    'local': [[0., 0., .25, .25], [.5, .5, .75, .75], [.25, 0., .5, .25],
              [.0, .5, .25, .75]]}


def transforms(pipeline: list, name: str) -> Iterator[Any]:
    """The transforms of a name, built."""
    for cfg in pipeline:
        if cfg['type'].split('.')[-1] == name:
            yield TRANSFORMS.build(cfg)


def random_samples(cfg: Config, bands: Mapping[str, int], classes: int,
                   batch: int) -> list[dict]:
    """Samples as ``PackMultiModalCrops`` makes them, of random numbers.

    Args:
        cfg (Config): Whose training pipeline gives sizes and frames.
        bands (dict[str, int]): By sensor.
        classes (int): Of the label map; 0 for no labels.
        batch (int): Samples.
    """
    pipeline = cfg.train_dataloader.dataset.pipeline
    cut, = transforms(pipeline, 'MultiModalMultiCrop')
    frames = [t.numbers for t in transforms(pipeline, 'SampleFrames')][-1]

    def crop(kind: str, size: Mapping[str, int], index: int) -> dict:
        places = BOXES[kind]
        side = max(size.values()) // cut.label_stride
        return dict(
            kind=kind, flip=bool(index % 2), turn=index % 4,
            box=torch.tensor(places[index % len(places)]),
            label=torch.randint(classes, (side, side)) if classes else None,
            modalities={
                name: dict(images=torch.randn(frames.get(name, 1), count,
                                              size[name], size[name]),
                           dates=torch.randint(
                               366, (frames.get(name, 1), )))
                for name, count in bands.items()})

    return [
        dict(inputs=[crop(kind, size, i) for kind, number, size, _ in
                     cut.kinds for i in range(number)], data_samples=None)
        for _ in range(batch)]


class Step:
    """Training steps of a config's model on random samples."""

    def __init__(self, args: argparse.Namespace) -> None:
        cfg = Config.fromfile(args.config)
        cfg.merge_from_dict(args.cfg_options or {})
        self.args = args
        torch.manual_seed(0)
        self.model = self._build(cfg).to(args.device).train()
        # --dtype takes the place of the config's precision.
        wrapper = {key: value for key, value in cfg.optim_wrapper.items()
                   if key not in ('dtype', 'loss_scale', 'use_fsdp')}
        self.optim: OptimWrapper = build_optim_wrapper(
            self.model, {**wrapper, 'type': 'OptimWrapper'})
        self.batch = args.batch or cfg.train_dataloader.batch_size
        head, specs = self.model.ita, self.model.student.backbone.modalities
        self.samples = random_samples(
            cfg, {name: spec['in_channels'] for name, spec in specs.items()},
            len(head.class_names) if head is not None else 0, self.batch)
        last = self.model.freeze_prototypes
        self.model.set_iteration(last, 10 * last + 10)  # all layers learn

    @staticmethod
    def _build(cfg: Config) -> nn.Module:
        """The model, with random text embeddings."""
        ita = cfg.model.get('ita')
        with tempfile.TemporaryDirectory() as folder:
            if ita:
                names = read_class_names(ita.get('class_names', 'osm'))
                table = random_table(len(names), ita.get('text_dims', 768))
                ita.text_embeddings = str(Path(folder) / 'x.safetensors')
                save_table(ita.text_embeddings, table, names, 'random')
            model = mmeo.build(cfg.model)
            model.init_weights()
        return model

    def checkpointing(self, enabled: bool) -> None:
        """Switch recomputation in all parts that know it."""
        for module in self.model.modules():
            if hasattr(module, 'with_cp'):
                module.with_cp = enabled

    def loss(self) -> torch.Tensor:
        data = self.model.data_preprocessor(self.samples, True)
        with autocast(self.args):
            losses = self.model(**data, mode='loss')
        return self.model.parse_losses(losses)[0]

    def run(self) -> None:
        self.optim.update_params(self.loss())
        self.model.update_teacher()

    def flops(self) -> int:
        """Of the products of one step."""
        self.checkpointing(False)
        with FlopCounterMode(display=False) as counter:
            self.loss().backward()
        self.model.zero_grad(set_to_none=True)
        return counter.get_total_flops()

    def memory(self) -> float:
        """GiB, see the head of this file."""
        if self.args.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
            self.run()
            return torch.cuda.max_memory_allocated() / 2**30
        return kept_bytes(self.loss, self.model) / 2**30

    def states(self) -> float:
        """GiB of student, teacher, gradients and optimiser, after a step."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        tensors += [p for p in self.model.parameters() if p.requires_grad]
        tensors += [t for state in self.optim.optimizer.state.values()
                    for t in state.values() if torch.is_tensor(t)]
        return sum(t.nbytes for t in tensors) / 2**30


def measure(step: Step, enabled: bool, flops: int,
            args: argparse.Namespace) -> str:
    """One line of the table; says so if the step does not fit."""
    step.checkpointing(enabled)
    try:
        gigabytes = step.memory()
        time, = seconds([step.run], args.device, args.repeat)
    except torch.OutOfMemoryError:
        step.model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        return f'{"recomputed" if enabled else "kept":12} does not fit'
    rate = flops / time / 1e12
    share = f'{100 * rate / args.peak:9.1f}' if args.peak else f'{"-":>9}'
    return (f'{"recomputed" if enabled else "kept":12} {time:8.2f} '
            f'{step.batch / time:10.3f} {rate:9.3f} {share} {gigabytes:9.2f}')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_arguments(parser)
    parser.set_defaults(repeat=2)
    parser.add_argument('config', help='of configs/skysense_v2/pretrain')
    parser.add_argument('--batch', type=int, default=0,
                        help="samples; the config's by default")
    parser.add_argument('--peak', type=float,
                        help="the device's TFLOP/s, for the share of it "
                        '(H200, bf16, dense: 989)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)


def run(args: argparse.Namespace) -> int:
    print_machine(args)
    init_default_scope('mmeo')
    MMLogger.get_instance('benchmark', log_level='WARNING')
    step = Step(args)
    flops = step.flops()
    size = sum(p.numel() for p in step.model.student.parameters()) / 1e6
    print(f'{args.config}\nstudent of {size:.1f} M parameters, batch of '
          f'{step.batch}, {flops / 1e12:.3f} TFLOP a step\n')
    memory = 'peak, GiB' if args.device == 'cuda' else 'kept, GiB'
    print(f'{"activations":12} {"step, s":>8} {"samples/s":>10} '
          f'{"TFLOP/s":>9} {"% of peak":>9} {memory:>9}')
    for enabled in (False, True):
        print(measure(step, enabled, flops, args), flush=True)
    print(f'\nstudent, teacher, gradients and optimiser: '
          f'{step.states():.2f} GiB')
    return 0
