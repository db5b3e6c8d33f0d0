#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""One training step of the ViT-L adapter against a textbook one.

    python benchmarks/vit_adapter.py                    # CPU: 512 px
    python benchmarks/vit_adapter.py --device cuda      # 1024 px, bf16

The textbook (below, class ``Textbook``) is what one writes from the papers:
separate projections for q, k and v, ``softmax(q k^T / sqrt(d)) v`` with the
whole matrix, LayerNorm of maps by mean and variance, deformable attention as
Deformable DETR gives it in PyTorch: a loop over levels with ``grid_sample``,
samples stacked, weighted, summed. Same weights, same image, no recomputation
on either side. Before anything is timed, outputs and all gradients are
compared.

Time is the shortest of several forward and backward passes, in turns. Memory
is the peak of one such pass: on CUDA what the allocator counts; on a CPU the
peak resident size of a fresh process for each (with glibc told to give freed
blocks back at once). Weights and their gradients are the same on both sides;
the table shows the peak with and without them.
"""

import argparse
import os
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import mmeo
from mmeo.models.backbones import ViTAdapter
from mmeo.utils import device_name

GROUPS = ((0, 7), (8, 11), (12, 15), (16, 23))


class Attention(nn.Module):
    """Self-attention, written out."""

    def __init__(self, dims: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(dims, dims) for _ in range(3))
        self.proj = nn.Linear(dims, dims)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        q, k, v = (layer(x).view(b, n, self.heads, -1).transpose(1, 2)
                   for layer in (self.q, self.k, self.v))
        scores = q @ k.transpose(-2, -1) / (c // self.heads)**0.5
        out = scores.softmax(dim=-1) @ v  # (b, heads, n, d)
        return self.proj(out.transpose(1, 2).reshape(b, n, c))


class MLP(nn.Module):

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dims, 4 * dims), nn.Linear(4 * dims,
                                                                  dims)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):

    def __init__(self, dims: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dims, eps=1e-6)
        self.attn = Attention(dims, heads)
        self.norm2 = nn.LayerNorm(dims, eps=1e-6)
        self.mlp = MLP(dims)
        self.ls1 = nn.Parameter(torch.ones(dims))
        self.ls2 = nn.Parameter(torch.ones(dims))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1 * self.attn(self.norm1(x))
        return x + self.ls2 * self.mlp(self.norm2(x))


class LayerNorm2d(nn.Module):

    def __init__(self, dims: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dims))
        self.bias = nn.Parameter(torch.zeros(dims))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class DeformableAttention(nn.Module):
    """Eq. 3 of Deformable DETR with a loop over levels."""

    def __init__(self, dims: int, heads: int, levels: int, points: int,
                 ratio: float) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        value_dims = int(dims * ratio)
        self.sampling_offsets = nn.Linear(dims, heads * levels * points * 2)
        self.attention_weights = nn.Linear(dims, heads * levels * points)
        self.value_proj = nn.Linear(dims, value_dims)
        self.output_proj = nn.Linear(value_dims, dims)

    def forward(self, query: Tensor, value: Tensor, points: Tensor,
                shapes: list) -> Tensor:
        b, n, _ = query.shape
        m = value.shape[1]
        value = self.value_proj(value).view(b, m, self.heads, -1)
        offsets = self.sampling_offsets(query).view(
            b, n, self.heads, self.levels, self.points, 2)
        weights = self.attention_weights(query).view(
            b, n, self.heads, self.levels * self.points).softmax(-1)
        size = query.new_tensor([(w, h) for h, w in shapes])
        locations = points[:, :, None, :, None] \
            + offsets / size[None, None, None, :, None]
        grids = 2 * locations - 1
        samples = []
        values = value.split([h * w for h, w in shapes], dim=1)
        for level, (h, w) in enumerate(shapes):
            plane = values[level].flatten(2).transpose(1, 2).reshape(
                b * self.heads, -1, h, w)
            grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
            samples.append(F.grid_sample(plane, grid, mode='bilinear',
                                         padding_mode='zeros',
                                         align_corners=False))
        weights = weights.transpose(1, 2).reshape(b * self.heads, 1, n, -1)
        out = (torch.stack(samples, dim=-2).flatten(-2) * weights).sum(-1)
        # (b * heads, d, n) -> (b, n, heads * d)
        return self.output_proj(out.view(b, -1, n).transpose(1, 2))


def centres(shapes: list, device: torch.device) -> Tensor:
    """``(1, sum(h * w), 1, 2)``: x, y in 0..1."""
    found = []
    for h, w in shapes:
        y, x = torch.meshgrid(
            (torch.arange(h, device=device) + 0.5) / h,
            (torch.arange(w, device=device) + 0.5) / w, indexing='ij')
        found.append(torch.stack((x.flatten(), y.flatten()), -1))
    return torch.cat(found)[None, :, None]


class ConvFFN(nn.Module):

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dims, hidden), nn.Linear(hidden, dims)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)

    def forward(self, x: Tensor, shapes: list) -> Tensor:
        x = self.fc1(x)
        out = []
        for part, (h, w) in zip(x.split([h * w for h, w in shapes], 1),
                                shapes):
            grid = part.transpose(1, 2).reshape(len(x), -1, h, w)
            out.append(self.dwconv(grid).flatten(2).transpose(1, 2))
        return self.fc2(F.gelu(torch.cat(out, 1)))


class Injector(nn.Module):

    def __init__(self, dims: int, heads: int) -> None:
        super().__init__()
        self.query_norm, self.feat_norm = nn.LayerNorm(dims), nn.LayerNorm(
            dims)
        self.attn = DeformableAttention(dims, heads, 3, 4, 0.25)
        self.gamma = nn.Parameter(torch.ones(dims))

    def forward(self, x: Tensor, c: Tensor, shapes: list) -> Tensor:
        points = centres(shapes[1:2], x.device)
        return x + self.gamma * self.attn(self.query_norm(x),
                                          self.feat_norm(c), points, shapes)


class Extractor(nn.Module):

    def __init__(self, dims: int, heads: int) -> None:
        super().__init__()
        self.query_norm, self.feat_norm = nn.LayerNorm(dims), nn.LayerNorm(
            dims)
        self.attn = DeformableAttention(dims, heads, 1, 4, 0.25)
        self.ffn_norm = nn.LayerNorm(dims)
        self.ffn = ConvFFN(dims, dims // 4)

    def forward(self, c: Tensor, x: Tensor, shapes: list) -> Tensor:
        points = centres(shapes, x.device)
        c = c + self.attn(self.query_norm(c), self.feat_norm(x), points,
                          shapes[1:2])
        return c + self.ffn(self.ffn_norm(c), shapes)


class Interaction(nn.Module):

    def __init__(self, dims: int, heads: int, extra: int) -> None:
        super().__init__()
        self.injector = Injector(dims, heads)
        self.extractor = Extractor(dims, heads)
        self.extra_extractors = nn.ModuleList(
            Extractor(dims, heads) for _ in range(extra))

    def extract(self, c: Tensor, x: Tensor, shapes: list) -> Tensor:
        for extractor in (self.extractor, *self.extra_extractors):
            c = extractor(c, x, shapes)
        return c


def conv(channels: int, out: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            LayerNorm2d(out), nn.ReLU(inplace=True)]


class SpatialPrior(nn.Module):

    def __init__(self, width: int, dims: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv(3, width, 2), *conv(width, width, 1),
                                  *conv(width, width, 1),
                                  nn.MaxPool2d(3, 2, 1))
        self.conv2 = nn.Sequential(*conv(width, 2 * width, 2))
        self.conv3 = nn.Sequential(*conv(2 * width, 4 * width, 2))
        self.conv4 = nn.Sequential(*conv(4 * width, 4 * width, 2))
        for level, times in enumerate((1, 2, 4, 4), 1):
            self.add_module(f'fc{level}', nn.Conv2d(times * width, dims, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        c1 = self.stem(x)
        c2 = self.conv2(c1)
        c3 = self.conv3(c2)
        c4 = self.conv4(c3)
        return [self.fc1(c1), self.fc2(c2), self.fc3(c3), self.fc4(c4)]


class Textbook(nn.Module):
    """ViT-Adapter around a ViT, from the papers, without any care for speed
    or memory, and without carelessness."""

    def __init__(self, dims: int, depth: int, heads: int, side: int,
                 groups: list) -> None:
        super().__init__()
        self.groups = groups
        self.patch_embed = nn.Conv2d(3, dims, 16, 16)
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side, dims))
        self.layers = nn.ModuleList(Block(dims, heads) for _ in range(depth))
        self.level_embed = nn.Parameter(torch.zeros(3, dims))
        self.spm = SpatialPrior(64, dims)
        self.interactions = nn.ModuleList(
            Interaction(dims, 16, 2 * (group is groups[-1]))
            for group in groups)
        self.up = nn.ConvTranspose2d(dims, dims, 2, 2)
        for level in range(1, 5):
            self.add_module(f'norm{level}', LayerNorm2d(dims))

    def forward(self, image: Tensor) -> list[Tensor]:
        height, width = image.shape[-2:]
        shapes = [(height // s, width // s) for s in (8, 16, 32)]
        c1, *maps = self.spm(image)
        c = torch.cat([level.flatten(2).transpose(1, 2) + self.level_embed[i]
                       for i, level in enumerate(maps)], dim=1)
        x = self.patch_embed(image).flatten(2).transpose(1, 2)
        x = x + self.pos_embed
        for (first, last), interaction in zip(self.groups, self.interactions):
            x = interaction.injector(x, c, shapes)
            for layer in self.layers[first:last + 1]:
                x = layer(x)
            c = interaction.extract(c, x, shapes)
        final = x.transpose(1, 2).reshape(len(x), -1, *shapes[1])
        maps = [part.transpose(1, 2).reshape(len(x), -1, *shape)
                for part, shape in zip(c.split([h * w for h, w in shapes], 1),
                                       shapes)]
        maps = [self.up(maps[0]) + c1, *maps]
        return [getattr(self, f'norm{level}')(item + F.interpolate(
            final, size=item.shape[-2:], mode='bilinear',
            align_corners=False)) for level, item in enumerate(maps, 1)]


def textbook_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our weights (and gradients) under the textbook's names."""
    result = {}
    for key, value in state.items():
        key = key.removeprefix('vit.')
        if '.qkv.' in key:
            for name, part in zip('qkv', value.chunk(3)):
                result[key.replace('.qkv.', f'.{name}.')] = part
        else:
            result[key] = value
    return result


def make(kind: str, size: int, depth: int, same: bool = True) -> nn.Module:
    """The adapter of either kind with ViT-L's widths.

    Args:
        kind (str): 'mmeo' or 'textbook'.
        size (int): Image size in pixels.
        depth (int): Blocks.
        same (bool): Give both the same weights; where memory is measured
            there must be one model only. Defaults to True.
    """
    torch.manual_seed(0)
    groups = list(GROUPS) if depth == 24 else [(i, i) for i in range(depth)]
    if kind == 'textbook' and not same:
        return Textbook(1024, depth, 16, size // 16, groups).train()
    ours = ViTAdapter(
        vit=dict(arch=dict(embed_dims=1024, depth=depth, num_heads=16,
                           mlp_ratio=4.0), img_size=size),
        interaction_indexes=groups)
    with torch.no_grad():  # at the first step offsets depend on no query
        for name, param in ours.named_parameters():
            if 'sampling_offsets.weight' in name or \
                    'attention_weights.weight' in name:
                param.normal_(std=0.02)
    if kind == 'mmeo':
        return ours.train()
    model = Textbook(1024, depth, 16, size // 16, groups)
    model.load_state_dict(textbook_state(ours.state_dict()))
    return model.train()


class Step:
    """Forward and backward of one model on one image."""

    def __init__(self, kind: str, args: argparse.Namespace,
                 same: bool = True) -> None:
        self.device = torch.device(args.device)
        self.autocast = self.device.type == 'cuda' and not args.float32
        self.model = make(kind, args.size, args.depth, same).to(self.device)
        generator = torch.Generator().manual_seed(1)
        self.image = torch.randn(args.batch, 3, args.size, args.size,
                                 generator=generator).to(self.device)
        self.grads = [
            torch.randn(args.batch, 1024, args.size // s, args.size // s,
                        generator=generator).to(self.device)
            for s in (4, 8, 16, 32)]
        for param in self.model.parameters():
            param.grad = torch.zeros_like(param)

    def run(self) -> list[Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16,
                            enabled=self.autocast):
            outs = self.model(self.image)
        torch.autograd.backward(outs, [g.to(o.dtype) for o, g in
                                       zip(outs, self.grads)])
        return [out.detach() for out in outs]

    def seconds(self) -> float:
        self.synchronise()
        started = time.perf_counter()
        self.run()
        self.synchronise()
        return time.perf_counter() - started

    def synchronise(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize()


def relative(a: Tensor, b: Tensor) -> float:
    a, b = a.float(), b.float()
    return float((a - b).norm() / b.norm().clamp(min=1e-30))


def compare(ours: Step, theirs: Step) -> tuple[float, dict[str, float]]:
    """Relative difference of outputs, the largest, and of each gradient.

    The stem differs more than all else: behind it are ReLUs and a maximum
    over pixels, and of millions of values rounding lets a few fall on the
    other side, where their gradient is another.
    """
    outs = max(relative(a, b) for a, b in zip(ours.run(), theirs.run()))
    grads = textbook_state({name: param.grad for name, param in
                            ours.model.named_parameters()})
    # the bias of keys shifts all scores of a query alike: its gradient is 0
    return outs, {
        name: relative(grads[name], param.grad) for name, param in
        theirs.model.named_parameters() if '.k.bias' not in name}


def resident() -> dict[str, float]:
    """Resident size of this process in GiB, now and at its peak."""
    with open('/proc/self/status') as status:
        rows = dict(line.split(':') for line in status)
    return {key: int(rows[key].split()[0]) / 2**20
            for key in ('VmRSS', 'VmHWM')}


def own_memory(args: argparse.Namespace) -> tuple[float, float]:
    """GiB before the pass (weights, gradients, inputs) and at its peak."""
    step = Step(args.kind, args, same=False)
    if step.device.type == 'cuda':
        before = torch.cuda.memory_allocated() / 2**30
        torch.cuda.reset_peak_memory_stats()
        step.run()
        return before, torch.cuda.max_memory_allocated() / 2**30
    before = resident()['VmRSS']
    with open('/proc/self/clear_refs', 'w') as reset:
        reset.write('5')  # sets the peak back to what is resident now
    step.run()
    return before, resident()['VmHWM']


def memory(kind: str, args: argparse.Namespace) -> tuple[float, float]:
    """:func:`own_memory` in a fresh process."""
    command = [sys.executable, __file__, '--kind', kind, '--device',
               args.device, '--size', str(args.size), '--depth',
               str(args.depth), '--batch', str(args.batch)]
    command += ['--float32'] * args.float32
    env = {**os.environ, 'MALLOC_MMAP_THRESHOLD_': '65536',
           'MALLOC_TRIM_THRESHOLD_': '65536'}
    result = subprocess.run(command, env=env, capture_output=True, text=True,
                            check=True)
    before, peak = result.stdout.split()[-2:]
    return float(before), float(peak)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='ViT-L adapter, one step.')
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--size', type=int, help='pixels; 512 on a CPU, 1024 '
                        'on CUDA')
    parser.add_argument('--depth', type=int, default=24,
                        help='blocks; below 24 one block a group')
    parser.add_argument('--batch', type=int, default=1)
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--float32', action='store_true',
                        help='on CUDA: no autocast to bfloat16')
    parser.add_argument('--kind', choices=['mmeo', 'textbook'],
                        help='print the memory of one and leave')
    args = parser.parse_args()
    args.size = args.size or (512 if args.device == 'cpu' else 1024)
    return args


def main() -> int:
    args = parse_args()
    if args.kind:
        print(*own_memory(args))
        return 0
    print(f'{device_name(args.device)}, {torch.get_num_threads()} threads, '
          f'torch {torch.__version__}, mmeo {mmeo.__version__}\n'
          f'ViT-L adapter, depth {args.depth}, {args.batch} x {args.size} px, '
          'forward and backward\n')
    print(f'{"":28} {"textbook":>9} {"mmeo":>9} {"ratio":>7}')
    (rest, theirs), (own_rest, ours) = (memory(kind, args) for kind in
                                        ('textbook', 'mmeo'))
    for name, a, b in (
            ('peak memory, GiB', theirs, ours),
            ('... weights, gradients, input', rest, own_rest),
            ('... activations', theirs - rest, ours - own_rest)):
        print(f'{name:28} {a:9.2f} {b:9.2f} {b / a:7.2f}', flush=True)
    mine, book = Step('mmeo', args), Step('textbook', args)
    outs, grads = compare(mine, book)
    times = [(mine.seconds(), book.seconds()) for _ in range(args.repeat)]
    ours, theirs = map(min, zip(*times))
    print(f'{"time, s":28} {theirs:9.3f} {ours:9.3f} {theirs / ours:7.2f}'
          '  (times faster)')
    stem = max(v for k, v in grads.items() if 'spm.stem' in k)
    others = max(v for k, v in grads.items() if 'spm.stem' not in k)
    print(f'\nlargest relative difference: outputs {outs:.1e}, gradients '
          f'{others:.1e}, those of the stem {stem:.1e}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
