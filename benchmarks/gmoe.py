#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""What granularity experts cost over the dense language model.

    python benchmarks/gmoe.py                                   # CPU
    python benchmarks/gmoe.py --device cuda --dtype bfloat16 --layers 24

Width of Qwen2-0.5B; on a CPU a few of its 24 layers, with the vocabulary cut
in the same proportion, so that every part keeps its share. Three models of
the same sizes take turns: dense, experts with a batch of one granularity,
experts with a batch of all three in equal parts. Prefill (prompts of
``--prompt`` tokens), decoding with a cache (``--new`` tokens) and a training
step of the experts on a packed row are timed for each batch size.

A mixed batch reads three times the feed-forward weights. Where a batch is so
small that reading weights is what takes the time, decoding it must be slower;
evaluation therefore sorts questions by task (`DialogueTestLoop`).
"""

import argparse
import copy
from collections.abc import Callable

import torch
from skysense.measure import (
    add_device_arguments,
    autocast,
    keep_freed_memory,
    print_machine,
    seconds,
)
from torch import nn

import mmeo
from mmeo.models.vlm.granularity_moe import GranularityMoE
from mmeo.models.vlm.packing import PackedSequence, sample_positions

KINDS = ('dense', 'one granularity', 'mixed')


def build_models(args: argparse.Namespace) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    dense = mmeo.build('HFLanguageModel', config=dict(
        model_type='qwen2', vocab_size=151936 * args.layers // 24,
        hidden_size=896, num_hidden_layers=args.layers,
        num_attention_heads=14, num_key_value_heads=2,
        intermediate_size=4864, max_position_embeddings=32768,
        tie_word_embeddings=True, bos_token_id=None, eos_token_id=None))
    moe = copy.deepcopy(dense)
    moe.add_experts(GranularityMoE())
    for layer in moe.layers:  # tell the experts apart
        for param in layer.mlp.parameters():
            nn.init.normal_(param, std=.02)
    models = {'dense': dense, 'one granularity': moe, 'mixed': moe}
    dtype = torch.bfloat16 if args.dtype == 'bfloat16' else torch.float32
    return {k: m.to(args.device, dtype).eval() for k, m in models.items()}


def levels_of(kind: str, batch: int) -> list[int]:
    return [i % 3 if kind == 'mixed' else 2 for i in range(batch)]


def packed(model: nn.Module, kind: str, batch: int, length: int,
           device: str) -> PackedSequence:
    ids = torch.arange(batch * length, device=device) % 5000
    lengths = [length] * batch
    return PackedSequence(
        model.embed(ids), sample_positions(lengths, torch.device(device)),
        ids, lengths, levels_of(kind, batch))


def generate(model: nn.Module, kind: str, batch: int,
             args: argparse.Namespace, new: int) -> Callable:
    prompt = packed(model, kind, batch, args.prompt, args.device)

    def run() -> None:
        model.generate(prompt.embeds, prompt.lengths, prompt.granularity,
                       max_new_tokens=new, min_new_tokens=new,
                       do_sample=False, pad_token_id=0)
    return run


def train(model: nn.Module, kind: str, batch: int,
          args: argparse.Namespace) -> Callable:
    """Forward and backward to the feed-forward weights alone."""
    model.requires_grad_(False)
    for layer in model.layers:
        layer.mlp.requires_grad_(True)
    row = packed(model, kind, batch, args.prompt, args.device)

    def run() -> None:
        model.train()
        with autocast(args):
            model(row).float().square().mean().backward()
        model.zero_grad()
        model.eval()
    return run


def show(name: str, batch: int, times: list[float]) -> None:
    ratios = ' '.join(f'{t / times[0]:7.3f}' for t in times)
    print(f'{name:22}{batch:6} ' + ' '.join(
        f'{t * 1e3:9.1f}' for t in times) + f'   {ratios}', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.
        RawDescriptionHelpFormatter)
    add_device_arguments(parser)
    parser.add_argument('--layers', type=int, default=4)
    parser.add_argument('--prompt', type=int, default=128)
    parser.add_argument('--new', type=int, default=16)
    parser.add_argument('--batches', type=int, nargs='+',
                        default=[3, 12, 48])
    parser.add_argument('--skip-training', action='store_true')
    args = parser.parse_args()
    if args.device == 'cpu':
        keep_freed_memory()
    print_machine(args)
    models = build_models(args)
    print(f'{args.layers} layers, prompts of {args.prompt} tokens, '
          f'{args.new} new\n{"":22}{"batch":>6} '
          + ' '.join(f'{k.split()[0] + " ms":>9}' for k in KINDS)
          + '   ratios to dense')
    for batch in args.batches:
        with torch.no_grad():
            first = seconds([generate(models[k], k, batch, args, 1)
                             for k in KINDS], args.device, args.repeat)
            whole = seconds([generate(models[k], k, batch, args, args.new)
                             for k in KINDS], args.device, args.repeat)
        show('prefill + 1 token', batch, first)
        show('each further token', batch, [
            (b - a) / (args.new - 1) for a, b in zip(first, whole)])
        if not args.skip_training:
            show('training, packed', batch, seconds(
                [train(models[k], k, batch, args) for k in KINDS],
                args.device, args.repeat))


if __name__ == '__main__':
    main()
