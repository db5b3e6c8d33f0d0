# Copyright (c) mmeo contributors. All rights reserved.
"""Folders of weights with a ``config.json``, as transformers loads them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Optional, Union

import torch
from torch import Tensor

from mmeo.errors import CheckpointError, ConfigError

from . import spec as specs
from .convert import FAMILIES, convert_with_report
from .report import Report
from .resize import split_prefix
from .spec import ModelSpec

# Of the source folder, what a converted model needs as well.
_ASSETS = ('tokenizer.json', 'tokenizer_config.json', 'vocab.json',
           'merges.txt', 'added_tokens.json', 'special_tokens_map.json',
           'tokenizer.model', 'chat_template.jinja', 'generation_config.json')
_HEAD = 'llm.model.lm_head.weight'
_EMBED = 'llm.model.model.embed_tokens.weight'


def read_spec(path: Union[str, Path]) -> ModelSpec:
    """Read the sizes of a model from its config.

    Args:
        path (str or Path): ``config.json`` of transformers or OpenGVLab, the
            folder that holds it, or an mmeo config (``*.py``).

    Raises:
        ConfigError: If it is absent or of another model.
    """
    path = Path(path).expanduser()
    path = path / 'config.json' if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f'{path} does not exist: give config.json of the '
                          'checkpoint, or an mmeo config.')
    if path.suffix == '.py':
        from mmengine.config import Config
        config = Config.fromfile(path)
        if 'model' not in config:
            raise ConfigError(f'{path} has no `model`.')
        return specs.from_mmeo(config.model, str(path))
    return specs.from_json(json.loads(path.read_text()), str(path))


def _measure(state: Mapping[str, Tensor]) -> dict:
    """Sizes that the tensors of an ``mmeo`` state dict show."""
    start = 'vision.' if 'vision.pos_embed' in state else ''
    vision = {k[len(start):]: v for k, v in state.items()
              if k.startswith(start)}
    kernel = vision['patch_embed.weight']
    _, side = split_prefix(vision['pos_embed'].shape[1])
    return {
        'vision.embed_dims': kernel.shape[0],
        'vision.in_channels': kernel.shape[1],
        'vision.patch_size': kernel.shape[-1],
        'vision.img_size': side * kernel.shape[-1],
        'vision.depth': 1 + max(int(k.split('.')[1]) for k in vision
                                if k.startswith('layers.')),
        'vision.hidden_dims': vision['layers.0.mlp.fc1.weight'].shape[0],
        'vision.qkv_bias': 'layers.0.attn.qkv.bias' in vision,
        'vision.qk_norm': 'layers.0.attn.q_norm.weight' in vision,
    }


def _measure_text(state: Mapping[str, Tensor]) -> dict:
    embed = state[_EMBED]
    start = 'llm.model.model.layers.'
    sizes = {
        'text.vocab_size': embed.shape[0],
        'text.hidden_size': embed.shape[1],
        'text.num_hidden_layers': 1 + max(
            int(k[len(start):].split('.')[0]) for k in state
            if k.startswith(start)),
    }
    gate = state.get(start + '0.mlp.gate_proj.weight')
    if gate is not None:
        sizes['text.intermediate_size'] = gate.shape[0]
    return sizes


def check_spec(spec: ModelSpec, state: Mapping[str, Tensor]) -> None:
    """Compare a config with the tensors it is said to belong to.

    Args:
        spec (ModelSpec): From the config.
        state (Mapping[str, Tensor]): Tensors under mmeo's names.

    Raises:
        CheckpointError: If they contradict each other, or tensors are absent.
    """
    try:
        sizes = _measure(state)
        if spec.text:
            sizes.update(_measure_text(state))
            fold = state['projector.norm.weight'].shape[0]
            sizes['ratio'] = round((fold / sizes['vision.embed_dims'])**0.5)
    except KeyError as error:
        raise CheckpointError(f'the checkpoint lacks {error}: it is not the '
                              'whole model that the config names.') from error
    for name, size in sizes.items():
        part, _, key = name.rpartition('.')
        if part == 'text':
            said = spec.text.get(key)
        else:
            said = getattr(spec.vision if part else spec, key)
        if said is not None and said != size:
            raise CheckpointError(
                f'config and checkpoint disagree: {name} is {said} in the '
                f'config and {size} by the tensors. Give the config of this '
                'checkpoint.')


def _settle_head(state: dict[str, Tensor], spec: ModelSpec) -> str:
    """Decide by the tensors whether the head is tied to the embedding.

    transformers ties unless told otherwise and then forgets a stored head.

    Returns:
        str: A note where the config is overruled, else ``''``.
    """
    head, embed = state[_HEAD], state[_EMBED]
    absent = head is embed  # filled in by the conversion
    if absent and not spec.tied:
        raise CheckpointError(
            'the config gives the head weights of its own '
            '(tie_word_embeddings=False), but the checkpoint has none: save '
            'the model with its head (AutoModelForImageTextToText), or give '
            'the config of this checkpoint.')
    if spec.tied and not torch.equal(head, embed):
        spec.text['tie_word_embeddings'] = False
        return ('the config ties the head to the embedding, but its values '
                'differ: tie_word_embeddings=False was written')
    if spec.tied:
        del state[_HEAD]
    return ''


def _write_shards(state: dict[str, Tensor], folder: Path,
                  max_shard_size: Union[int, str]) -> list[str]:
    from huggingface_hub import split_torch_state_dict_into_shards
    from safetensors.torch import save_file
    plan = split_torch_state_dict_into_shards(
        state, max_shard_size=max_shard_size)
    for name, keys in plan.filename_to_tensors.items():
        part = folder / (name + '.part')
        # The format wants plain, unshared memory.
        save_file({key: state[key].contiguous().clone() for key in keys},
                  part, metadata=dict(format='pt'))
        part.replace(folder / name)
    if plan.is_sharded:
        (folder / 'model.safetensors.index.json').write_text(json.dumps(
            dict(metadata=plan.metadata, weight_map=plan.tensor_to_filename),
            indent=2))
    return list(plan.filename_to_tensors)


def save_folder(state_dict: Mapping,
                folder: Union[str, Path],
                spec: ModelSpec,
                to: str = 'hf',
                assets: Optional[Union[str, Path]] = None,
                max_shard_size: Union[int, str] = '5GB') -> Report:
    """Write an InternVL, or its encoder, as a folder with ``config.json``.

    With ``to='hf'`` transformers' ``AutoModel`` classes load the folder. The
    ``'original'`` layout also needs OpenGVLab's ``*.py`` files, which mmeo
    does not carry: they are copied if ``assets`` holds them.

    Args:
        state_dict (Mapping): A state dict or checkpoint in any layout.
        folder (str or Path): Where to write; made if absent.
        spec (ModelSpec): From :func:`read_spec`. Without its ``text`` only
            the encoder is written.
        to (str): ``'hf'`` or ``'original'``. Defaults to ``'hf'``.
        assets (str or Path, optional): Folder with tokenizer files to copy.
        max_shard_size (int or str): Per file, in bytes or as ``'5GB'``.
            Defaults to ``'5GB'``.

    Returns:
        Report: What became of the keys.

    Raises:
        ConfigError: If the layout has no ``config.json``.
        CheckpointError: If config and tensors disagree.
    """
    if to not in ('hf', 'original'):
        raise ConfigError(f"to={to!r}: folders have the layout 'hf' or "
                          "'original'.")
    family = 'internvl' if spec.text else 'internvit'
    state, report = convert_with_report(state_dict, 'mmeo', family)
    if report.missing:
        raise CheckpointError('the checkpoint is not complete.\n'
                              + report.text())
    check_spec(spec, state)
    spec = ModelSpec(**{**vars(spec), 'text': dict(spec.text)})
    note = _settle_head(state, spec) if spec.text else ''
    if note:
        report.notes.append(note)
    dtype = str(state[_EMBED if spec.text else 'pos_embed'].dtype)
    layout = 'hf_file' if to == 'hf' and spec.text else to
    state = FAMILIES[family].from_mmeo(state, layout)
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    names = _write_shards(state, folder, max_shard_size)
    config = specs.to_json(spec, to, dtype.removeprefix('torch.'))
    (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
    names.append('config.json')
    names += _copy_assets(assets, folder, to)
    report.notes.append(f'wrote {", ".join(names)}')
    if to == 'original' and not any(n.endswith('.py') for n in names):
        report.notes.append('add the *.py files of the OpenGVLab repository: '
                            'its layout loads through them')
    return report


def _copy_assets(source: Optional[Union[str, Path]], folder: Path,
                 to: str) -> list[str]:
    if source is None:
        return []
    source = Path(source).expanduser()
    names = [name for name in _ASSETS if (source / name).is_file()]
    if to == 'original':
        names += sorted(file.name for file in source.glob('*.py'))
    for name in names:
        if (source / name).resolve() != (folder / name).resolve():
            shutil.copyfile(source / name, folder / name)
    return names
