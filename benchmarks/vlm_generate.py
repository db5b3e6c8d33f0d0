#!/usr/bin/env python
# Copyright (c) mmeo contributors. All rights reserved.
"""Answers a second: batches sorted by length against one question at a time.

    python benchmarks/vlm_generate.py                           # CPU
    python benchmarks/vlm_generate.py --device cuda --dtype bfloat16 \
        --layers 24 --samples 256 --batches 1 16 32 64

RSUniVLM with experts at full width, on a CPU with a few layers of both towers
and the vocabulary cut in the same proportion, so that every part keeps its
share. Each task has its own lengths of answers; the weights are random, so a
logits processor ends every answer where a trained model would. All ways
answer the same questions greedily through ``InstructVLM.test_step``, reading
of images left out, and their answers are compared with those given one at a
time: batches in the order of the set; sorted by length; sorted, with the
images of a batch read once for all questions about them, which is what
``DialogueTestLoop`` does. Printed are samples a second, the ratio to one at a
time, and the share of decoding steps that belong to an unfinished answer.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from PIL import Image
from skysense.measure import (
    add_device_arguments,
    keep_freed_memory,
    print_machine,
    wait,
)
from torch import Tensor, nn

import mmeo
from mmeo.codecs import build_tokenizer
from mmeo.datasets import LengthBatchSampler
from mmeo.registry import TRANSFORMS

# Our estimates for the sets of RSUniVLM's evaluation: shortest and longest
# answer in tokens, spread evenly over the logarithm, ...
ANSWERS = dict(VQA=(1, 3), VG=(14, 20), CAP=(15, 80), SEG=(60, 400))
# ... and questions about one image (RSVQA has about a hundred).
PER_IMAGE = dict(VQA=16, VG=2, CAP=1, SEG=6)
WORDS = ('is there a ship near the quay of this harbour and how many houses '
         'stand beside the road that leads to the farm').split()


class EndAt:
    """Lets an answer end after so many tokens, neither before nor later.

    Args:
        lengths (Sequence[int]): Tokens of the answer of each row.
        tokenizer: Its words alone are used; the vocabulary is far larger.
        end (int): The token that ends an answer.
    """

    def __init__(self, lengths: Sequence[int], tokenizer: Any,
                 end: int) -> None:
        self.lengths, self.end = lengths, end
        self.known = len(tokenizer)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        done = torch.tensor([input_ids.shape[1] >= n for n in self.lengths],
                            device=scores.device)
        scores = scores.clone()
        scores[:, self.known:] = -torch.inf
        kept = scores[:, self.end].clone()
        scores[done] = -torch.inf
        scores[:, self.end] = torch.where(done, kept, -torch.inf)
        return scores


class Questions(list):
    """Packed samples, with what the sampler asks for."""

    def get_data_info(self, index: int) -> dict:
        return self[index]['info']


def train_tokenizer() -> Any:
    """A small one, from the words of the questions."""
    turns = [{'from': 'human', 'value': ' '.join(WORDS)},
             {'from': 'gpt', 'value': 'word'}]
    with tempfile.NamedTemporaryFile('w', suffix='.jsonl') as file:
        file.write(json.dumps(dict(conversations=turns)) + '\n')
        file.flush()
        return build_tokenizer(dict(
            type='ByteBPETokenizer', corpus=file.name, vocab_size=512,
            template='qwen_1_5'))


def build_model(args: argparse.Namespace, tokenizer: Any) -> nn.Module:
    torch.manual_seed(0)
    model = mmeo.build(
        'InstructVLM',
        vision=dict(
            type='SigLIPViT', img_size=args.side,
            arch=dict(embed_dims=1152, depth=max(1, args.layers * 26 // 24),
                      num_heads=16, hidden_dims=4304)),
        projector=dict(
            type='MLPProjector', in_channels=1152, out_channels=896),
        llm=dict(
            type='HFLanguageModel',
            config=dict(
                model_type='qwen2', hidden_size=896,
                vocab_size=151936 * args.layers // 24,
                num_hidden_layers=args.layers, num_attention_heads=14,
                num_key_value_heads=2, intermediate_size=4864,
                max_position_embeddings=32768, rope_theta=1e6,
                # Wide enough that answers differ.
                initializer_range=0.05,
                tie_word_embeddings=True, bos_token_id=None,
                eos_token_id=None)),
        moe=dict(type='GranularityMoE', num_experts=3),
        template='qwen_1_5', tokenizer=tokenizer, image_newline=True)
    for param in model.parameters():
        if args.dtype == 'bfloat16':
            param.data = param.data.bfloat16()
    return model.to(args.device).eval()


def ask(args: argparse.Namespace, task: str, tokenizer: Any) -> Questions:
    """Questions about noise; ``turns`` bear the length of the answer."""
    rng = random.Random(task)
    views = TRANSFORMS.build(dict(
        type='ImageViews', image_size=args.side, newline=True))
    pack = TRANSFORMS.build(dict(
        type='PackDialogue', tokenizer=tokenizer, template='qwen_1_5',
        generation=True, task_rounds='any'))
    low, high = ANSWERS[task]
    questions = Questions()
    for i in range(args.samples):
        length = round(low * (high / low)**rng.random())
        words = ' '.join(rng.choices(WORDS, k=rng.randint(4, 16)))
        info = dict(
            source=f'{task}:{i}', img_paths=[f'{i // PER_IMAGE[task]}'],
            ori_shapes=[(64, 64)],
            conversations=[
                dict(role='user', content=f'<image>\n[{task}] {words}'),
                dict(role='assistant', content='word ' * length)])
        noise = np.random.default_rng(i // PER_IMAGE[task])
        pixels = noise.integers(0, 255, (64, 64, 3))
        image = Image.fromarray(pixels.astype(np.uint8))
        sample = pack(views(dict(info, images=[image])))
        questions.append(dict(sample, info=info, length=length))
    return questions


def answer_all(model: nn.Module, questions: Questions,
               batches: Sequence[Sequence[int]]) -> dict[int, str]:
    """Answers by number of the question."""
    found = {}
    tokenizer = model.tokenizer
    end = tokenizer.convert_tokens_to_ids(model.template.turn_end)
    for batch in batches:
        lengths = [questions[i]['length'] for i in batch]
        model.answers.generation = dict(
            max_new_tokens=max(lengths) + 1, do_sample=False,
            logits_processor=[EndAt(lengths, tokenizer, end)])
        samples = [{key: questions[i][key]
                    for key in ('inputs', 'data_samples')} for i in batch]
        with torch.no_grad():
            outputs = model.test_step(pseudo_collate(samples))
        found.update({i: out.pred_answer
                      for i, out in zip(batch, outputs)})
    return found


def used(questions: Questions, batches: Sequence[Sequence[int]]) -> float:
    """Share of decoding steps that belong to an unfinished answer."""
    lengths = [[questions[i]['length'] for i in batch] for batch in batches]
    return sum(map(sum, lengths)) / sum(
        max(batch) * len(batch) for batch in lengths)


def run_task(args: argparse.Namespace, task: str, model: nn.Module) -> None:
    questions = ask(args, task, model.tokenizer)
    sampler = SimpleNamespace(dataset=questions)
    # Batches, and whether equal images in one are read once.
    ways = {'one at a time': ([[i] for i in range(len(questions))], False)}
    for size in args.batches:
        for name, by_length in (('as it comes', False), ('sorted', True)):
            ways[f'{size:3} {name}'] = (list(
                LengthBatchSampler(sampler, size, by_length)), False)
        ways[f'{size:3} images once'] = (ways[f'{size:3} sorted'][0], True)
    answer_all(model, questions, [[0], [0, 1]])  # warm up
    times: dict[str, float] = {}
    answers = {}
    for _ in range(args.repeat):
        for name, (batches, share) in ways.items():
            model.share_images = share
            wait(args.device)
            started = time.perf_counter()
            answers[name] = answer_all(model, questions, batches)
            wait(args.device)
            spent = time.perf_counter() - started
            times[name] = min(spent, times.get(name, spent))
    first = next(iter(ways))
    reference = answers[first]
    tokens = sum(q['length'] for q in questions) / len(questions)
    print(f'\n[{task}] {len(questions)} questions, {PER_IMAGE[task]} an '
          'image, prompts of '
          f'{len(questions[0]["inputs"]["input_ids"])} tokens or so, answers '
          f'of {tokens:.0f} tokens, {len(set(reference.values()))} different')
    for name, (batches, _) in ways.items():
        same = sum(answers[name][i] == reference[i] for i in reference)
        print(f'{name:>16}: {len(questions) / times[name]:8.2f} samples/s, '
              f'{times[first] / times[name]:5.2f} x, steps of use '
              f'{100 * used(questions, batches):3.0f} %, same answers '
              f'{same}/{len(reference)}', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_device_arguments(parser)
    parser.set_defaults(repeat=1)
    parser.add_argument('--tasks', nargs='+', default=list(ANSWERS),
                        choices=list(ANSWERS))
    parser.add_argument('--batches', nargs='+', type=int, default=[16])
    parser.add_argument('--samples', type=int, default=32)
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--side', type=int, default=384)
    args = parser.parse_args()
    keep_freed_memory()
    init_default_scope('mmeo')
    print_machine(args)
    model = build_model(args, train_tokenizer())
    for task in args.tasks:
        run_task(args, task, model)


if __name__ == '__main__':
    main()
