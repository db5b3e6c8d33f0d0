#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""One training step of InternVL2.5-1B: mmeo's against padded rows.

    python benchmarks/vlm_pretrain.py --rows 1 --repeat 0   # CPU, 12 GiB
    python benchmarks/vlm_pretrain.py --device cuda --dtype bfloat16 \
        --batch 8 --depths 24 --checkpointing               # GPU

Three ways to do the same step, same weights, same samples:

a   transformers' InternVL, every sample padded to 4096 tokens (how the
    released code of ViTP trains)
b   the same, padded to the longest sample of the batch
r=x mmeo's InstructVLM, packed, visual token drop of x

The vision tower sees every tile in all of them, so its time (with the
projector, forward and backward) is measured by itself; the language model's
share is the rest. On a CPU the 24 layers would take minutes: the step runs at
the ``--depths`` given, at full width, and time and memory, which are linear in
depth, are extrapolated to 24 layers of both towers.

Samples follow the paper's remote-sensing mixture (Table 10: size x rate);
image sizes are those of the datasets, text lengths our estimate.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

import torch
from torch import Tensor, nn

import mmeo
from mmeo.datasets.transforms.dynamic_tiling import choose_grid
from mmeo.utils import device_name
from mmeo.weights import convert

FULL_DEPTH = 24
VOCAB, IMAGE_ID, TOKENS_PER_TILE = 151674, 151667, 256


class Source(NamedTuple):
    """A row of Table 10: thousands of samples seen, what one looks like."""

    thousands: float
    size: int  # image side in pixels
    images: int
    question: int  # tokens, system prompt included
    answer: int  # tokens


MIXTURE = dict(
    mini_internvl=Source(1394 * 0.03, 800, 1, 80, 120),
    rsvqa=Source(100 * 0.1, 512, 1, 60, 4),
    fit_rs=Source(100 * 0.1, 512, 1, 120, 80),
    geochat=Source(64 * 2, 800, 1, 80, 40),
    vrsbench=Source(38 * 5, 512, 1, 80, 40),
    rsvg=Source(5.5 * 10, 1024, 1, 80, 30),
    dior_rsvg=Source(27 * 8, 800, 1, 70, 30),
    isprs_sar=Source(1.5, 256, 1, 60, 8),
    sar_s1s2=Source(16, 256, 1, 60, 8),
    vhm=Source(223, 512, 1, 80, 60),
    levir_cc=Source(50 * 0.5, 256, 2, 70, 25),
    gaia=Source(33, 1024, 1, 60, 90),
    million_aid=Source(920 * 0.05, 512, 1, 60, 60))


class Batch(NamedTuple):
    ids: list[Tensor]
    labels: list[Tensor]
    tiles: Tensor  # (T, 3, 448, 448)


def num_tiles(source: Source, max_tiles: int = 12) -> int:
    """Tiles of a sample, thumbnails included."""
    cols, rows = choose_grid((source.size, source.size), 1,
                             max(1, max_tiles // source.images), 448)
    return source.images * (cols * rows + (cols * rows > 1))


def draw_batch(rng: random.Random, size: int, device: str) -> Batch:
    sources = rng.choices(
        list(MIXTURE.values()), [s.thousands for s in MIXTURE.values()],
        k=size)
    ids, labels = [], []
    for source in sources:
        image = [IMAGE_ID] * (num_tiles(source) * TOKENS_PER_TILE)
        # lengths vary by half around the mean
        before = int(source.question * rng.uniform(0.5, 1.5))
        answer = max(2, int(source.answer * rng.uniform(0.5, 1.5)))
        text = [rng.randrange(1000, 100000) for _ in range(before + answer)]
        row = torch.tensor(text[:8] + image + text[8:])
        learned = torch.full_like(row, -100)
        learned[-answer:] = row[-answer:]
        ids.append(row.to(device))
        labels.append(learned.to(device))
    tiles = torch.randn(sum(map(num_tiles, sources)), 3, 448, 448,
                        device=device)
    return Batch(ids, labels, tiles)


def reference_model(depth: int, checkpointing: bool) -> nn.Module:
    """transformers' InternVL at full width."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration
    config = InternVLConfig(
        vision_config=dict(
            num_hidden_layers=depth, attention_bias=True,
            image_size=[448, 448], patch_size=[14, 14]),
        text_config=dict(
            model_type='qwen2', vocab_size=VOCAB, hidden_size=896,
            num_hidden_layers=depth, num_attention_heads=14,
            num_key_value_heads=2, intermediate_size=4864,
            rope_theta=1e6, tie_word_embeddings=False),
        image_token_id=IMAGE_ID, image_seq_length=TOKENS_PER_TILE,
        tie_word_embeddings=False)
    model = InternVLForConditionalGeneration(config)
    if checkpointing:
        model.gradient_checkpointing_enable(dict(use_reentrant=False))
    return model


def our_model(depth: int, checkpointing: bool, state: dict) -> nn.Module:
    model = mmeo.build(
        'InstructVLM',
        vision=dict(
            type='InternViT', img_size=448, with_cp=checkpointing,
            arch=dict(embed_dims=1024, depth=depth, num_heads=16,
                      mlp_ratio=4.0)),
        projector=dict(
            type='PixelShuffleProjector', in_channels=1024,
            out_channels=896),
        llm=dict(
            type='HFLanguageModel', gradient_checkpointing=checkpointing,
            config=dict(
                model_type='qwen2', vocab_size=VOCAB, hidden_size=896,
                num_hidden_layers=depth, num_attention_heads=14,
                num_key_value_heads=2, intermediate_size=4864,
                rope_theta=1e6, tie_word_embeddings=False)))
    model.load_state_dict(convert(state, to='mmeo', family='internvl'))
    return model


def padded_step(model: nn.Module, batch: Batch, length: int,
                rows: int) -> Callable:
    """A step of transformers' model on rows of ``length`` tokens, ``rows`` at
    a time."""
    device = batch.tiles.device
    ids = torch.zeros(len(batch.ids), length, dtype=torch.long,
                      device=device)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for i, (row, learned) in enumerate(zip(batch.ids, batch.labels)):
        ids[i, :len(row)], labels[i, :len(row)] = row, learned
        mask[i, :len(row)] = 1
    tiles = batch.tiles.split([
        int((part == IMAGE_ID).sum()) // TOKENS_PER_TILE
        for part in ids.split(rows)])
    total = (labels != -100).sum()

    def step() -> Tensor:
        losses = []
        for i, pixels in enumerate(tiles):
            part = slice(i * rows, (i + 1) * rows)
            loss = model(input_ids=ids[part], attention_mask=mask[part],
                         labels=labels[part], pixel_values=pixels,
                         use_cache=False).loss
            loss = loss * (labels[part] != -100).sum() / total
            loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    return step


def packed_step(model: nn.Module, batch: Batch, ratio: float) -> Callable:
    ids, labels = torch.cat(batch.ids), torch.cat(batch.labels)
    inputs = dict(
        input_ids=ids, labels=labels, pixel_values=batch.tiles,
        image_mask=ids == IMAGE_ID, lengths=[len(row) for row in batch.ids])
    drop = mmeo.build('VisualTokenDrop', drop_ratio=ratio)

    def step() -> Tensor:
        model.token_drop = drop
        loss = model.loss(inputs)['loss']
        loss.backward()
        return loss.detach()

    return step


def vision_step(encode: Callable, tiles: Tensor) -> Callable:

    def step() -> Tensor:
        loss = encode(tiles).float().square().mean()
        loss.backward()
        return loss.detach()

    return step


class Cost(NamedTuple):
    seconds: float
    gigabytes: float
    loss: float


class Meter:
    """Time and memory of steps."""

    def __init__(self, device: torch.device, dtype: torch.dtype,
                 repeat: int) -> None:
        self.device, self.dtype, self.repeat = device, dtype, repeat

    def __call__(self, model: nn.Module, step: Callable) -> Cost:
        started = time.perf_counter()
        memory, loss = self._memory(model, step)
        self._wait()
        # Without repeats the first pass is all there is, warm-up included.
        seconds = [] if self.repeat else [time.perf_counter() - started]
        for _ in range(self.repeat):
            model.zero_grad(set_to_none=True)
            self._wait()
            start = time.perf_counter()
            self._run(step)
            self._wait()
            seconds.append(time.perf_counter() - start)
        model.zero_grad(set_to_none=True)
        return Cost(min(seconds), memory / 2**30, float(loss))

    def _run(self, step: Callable) -> Tensor:
        with torch.autocast(self.device.type, self.dtype,
                            enabled=self.dtype != torch.float32):
            return step()

    def _memory(self, model: nn.Module,
                step: Callable) -> tuple[int, Tensor]:
        """Bytes of the step beyond weights."""
        model.zero_grad(set_to_none=True)
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            loss = self._run(step)
            self._wait()
            return torch.cuda.max_memory_allocated() - before, loss
        kept: dict[int, int] = {}
        weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            loss = self._run(step)
        return sum(kept.values()), loss

    def _wait(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize()


def measure(depth: int, args: argparse.Namespace,
            batches: list[Batch]) -> dict[str, Cost]:
    """Cost of every way at one depth: seconds added up over the batches,
    the greatest memory, the mean loss."""
    device = torch.device(args.device)
    meter = Meter(device, getattr(torch, args.dtype), args.repeat)
    torch.manual_seed(0)
    theirs = reference_model(depth, args.checkpointing).to(device).train()
    ours = our_model(depth, args.checkpointing,
                     theirs.state_dict()).to(device).train()
    found: dict[str, list[Cost]] = {}
    rows = args.rows or args.batch
    for batch in batches:
        longest = max(len(row) for row in batch.ids)
        ways = {
            'vision': (theirs, vision_step(theirs.get_image_features,
                                           batch.tiles)),
            'a': (theirs, padded_step(theirs, batch, args.length, rows)),
            'b': (theirs, padded_step(theirs, batch, longest, rows)),
            'our vision': (ours, vision_step(ours.encode_images,
                                             batch.tiles)),
            **{f'r={r:g}': (ours, packed_step(ours, batch, r))
               for r in (0.0, args.ratio)}}
        for name, (model, step) in ways.items():
            found.setdefault(name, []).append(meter(model, step))
    return {
        name: Cost(sum(c.seconds for c in costs),
                   max(c.gigabytes for c in costs),
                   sum(c.loss for c in costs) / len(costs))
        for name, costs in found.items()}


def extrapolate(measured: dict[int, dict[str, Cost]]) -> dict[str, Cost]:
    """Costs at full depth from those at one or two depths."""
    depths = sorted(measured)
    if depths == [FULL_DEPTH]:
        return measured[FULL_DEPTH]
    low, high = depths[0], depths[-1]
    factor = (FULL_DEPTH - low) / (high - low)

    def line(name: str, field: int) -> float:
        first, last = measured[low][name][field], measured[high][name][field]
        return first + factor * (last - first)

    return {name: Cost(line(name, 0), line(name, 1), measured[high][name][2])
            for name in measured[low]}


def useful_flops(batches: list[Batch], ratio: float) -> float:
    """Forward and backward operations that one packed step needs.

    6 per weight and token, plus 12 x width x length per token and layer for
    attention (half of it where causal); recomputation is not counted.
    """
    per_tile = 1025 * (FULL_DEPTH * (12 * 1024**2 * 6 + 12 * 1024 * 1025))
    vision = sum(len(batch.tiles) for batch in batches) * (
        per_tile + 1024 * 4 * 588 * 1024  # no gradient of the image
        + TOKENS_PER_TILE * 6 * (4096 * 896 + 896 * 896))
    layer = 896 * (896 * 2 + 128 * 2) + 3 * 896 * 4864
    text = 0.0
    rows = [row for batch in batches for row in zip(batch.ids, batch.labels)]
    for ids, labels in rows:
        images = int((ids == IMAGE_ID).sum())
        kept = len(ids) - int(ratio * images)
        learned = int((labels != -100).sum())
        text += kept * FULL_DEPTH * (6 * layer + 6 * 896 * kept)
        text += learned * 6 * 896 * VOCAB
    return vision + text


def report(costs: dict[str, Cost], batches: list[Batch],
           args: argparse.Namespace) -> None:
    """Print the table and the ratios."""
    fast = f'r={args.ratio:g}'
    lengths = [[len(row) for row in batch.ids] for batch in batches]
    num, dropped = sum(map(len, lengths)), costs[fast]
    seen = {'a': num * args.length,
            'b': sum(max(rows) * len(rows) for rows in lengths)}
    print(f'\n{"way":>8} {"step s":>9} {"vision s":>9} {"LLM s":>9} '
          f'{"samples/s":>10} {"GiB":>7} {"loss":>9}')
    rest = {}
    for name in ('a', 'b', 'r=0', fast):
        cost = costs[name]
        vision = costs['vision' if name in seen else 'our vision'].seconds
        rest[name] = cost.seconds - vision
        print(f'{name:>8} {cost.seconds:9.2f} {vision:9.2f} '
              f'{rest[name]:9.2f} {num / cost.seconds:10.3f} '
              f'{cost.gigabytes:7.2f} {cost.loss:9.5f}')
    real = sum(map(sum, lengths))
    print(f'\ntokens of the samples {real}, in rows of a {seen["a"]}, '
          f'of b {seen["b"]}; {real / dropped.seconds:.0f} tokens/s at {fast}')
    for name, goals in (('a', (2, 4)), ('b', (1.3, 1.8))):
        print(f'{fast} against {name}: '
              f'{costs[name].seconds / dropped.seconds:.2f} x samples/s '
              f'(goal {goals[0]}), {rest[name] / rest[fast]:.2f} x on the '
              f"LLM's share (goal {goals[1]}), memory "
              f'{dropped.gigabytes / costs[name].gigabytes:.2f}')
    for name in seen:
        gap = abs(costs[name].loss - costs['r=0'].loss)
        print(f'loss at r=0 differs from {name} by {gap:.1e}')
    rate = useful_flops(batches, args.ratio) / dropped.seconds / 1e12
    peak = f' = {100 * rate / args.peak:.0f} % of peak' if args.peak else ''
    print(f'{rate:.2f} useful TFLOP/s at {fast}{peak}')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', default='float32',
                        choices=['float32', 'bfloat16', 'float16'])
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--batches', type=int, default=1)
    parser.add_argument('--depths', type=int, nargs='+', default=[1, 3],
                        help='layers to measure with; 24 is the real model')
    parser.add_argument('--length', type=int, default=4096,
                        help='row length of way a')
    parser.add_argument('--rows', type=int,
                        help='rows of a and b that run at once, the rest by '
                        'accumulation; all by default')
    parser.add_argument('--ratio', type=float, default=0.75)
    parser.add_argument('--repeat', type=int, default=1,
                        help='timed passes after the one that measures '
                        'memory; 0 times that one')
    parser.add_argument('--checkpointing', action='store_true')
    parser.add_argument('--peak', type=float,
                        help='TFLOP/s of the device in this precision')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    if len(args.depths) == 1 and args.depths != [FULL_DEPTH]:
        parser.error('--depths takes two depths, or 24 alone')
    torch.manual_seed(args.seed)
    rng = random.Random(args.seed)
    batches = [draw_batch(rng, args.batch, args.device)
               for _ in range(args.batches)]
    mean = sum(s.thousands * num_tiles(s) for s in MIXTURE.values()) / sum(
        s.thousands for s in MIXTURE.values())
    print(f'{device_name(args.device)}, {torch.get_num_threads()} threads, '
          f'{args.dtype}, Python {sys.version.split()[0]}, torch '
          f'{torch.__version__}, transformers {version("transformers")}')
    print(f'mixture: {mean:.2f} tiles a sample on average; drawn: '
          f'{[len(batch.tiles) for batch in batches]} tiles, lengths '
          f'{[[len(row) for row in batch.ids] for batch in batches]}')
    measured = {depth: measure(depth, args, batches)
                for depth in args.depths}
    report(extrapolate(measured), batches, args)
    if args.device == 'cpu':
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f'memory: tensors kept for the backward pass; the process '
              f'peaked at {peak:.1f} GiB')


if __name__ == '__main__':
    main()
