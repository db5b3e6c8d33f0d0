# Copyright (c) mmeo contributors. All rights reserved.
"""Tokenizers: a local transformers folder, or one trained on the spot."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmengine.logging import print_log

from mmeo.codecs.templates import DialogueTemplate, get_template
from mmeo.errors import ConfigError, DataError, MissingDataError
from mmeo.registry import TASK_UTILS

__all__ = ['ByteBPETokenizer', 'PretrainedTokenizer', 'build_tokenizer']


def build_tokenizer(cfg: Any) -> Any:
    """Build a tokenizer.

    Args:
        cfg (str, dict or tokenizer): A folder in transformers' format, a
            config (``dict(type='ByteBPETokenizer', ...)``), or a tokenizer,
            which is returned as it is.

    Returns:
        transformers.PreTrainedTokenizerBase: The tokenizer.

    Raises:
        ConfigError: If the config has an unknown type.
        MissingDataError: If a folder or corpus is absent.
    """
    if isinstance(cfg, (str, Path)):
        return PretrainedTokenizer(cfg)
    if isinstance(cfg, Mapping):
        return TASK_UTILS.build(dict(cfg))
    return cfg


@TASK_UTILS.register_module()
def PretrainedTokenizer(path: Union[str, Path]) -> Any:  # noqa: N802
    """Load a tokenizer from a local folder; nothing is downloaded.

    Args:
        path (str or Path): Folder with ``tokenizer.json`` or the files that
            transformers wants.

    Returns:
        transformers.PreTrainedTokenizerBase: The tokenizer.

    Raises:
        MissingDataError: If the folder is absent.
    """
    from transformers import AutoTokenizer
    if not Path(path).is_dir():
        raise MissingDataError(
            f'no tokenizer folder at {path}: download the model once and '
            'give the folder that holds its tokenizer.json')
    return AutoTokenizer.from_pretrained(str(path), local_files_only=True)


@TASK_UTILS.register_module()
def ByteBPETokenizer(  # noqa: N802
        corpus: Union[str, Path, Sequence[Union[str, Path]]],
        vocab_size: int = 1024,
        cache: Optional[Union[str, Path]] = None,
        template: Union[str, DialogueTemplate] = 'internvl2_5') -> Any:
    """Byte-level BPE trained on the text of instruction files.

    Training is deterministic: the same corpus and size give the same ids on
    every rank. With ``cache`` it happens once; the file remembers a digest of
    its corpus and is replaced when the corpus changes.

    Args:
        corpus (path or list of paths): ``.jsonl`` or ``.json`` files in the
            LLaVA layout.
        vocab_size (int): Upper bound of the vocabulary, special tokens and
            256 bytes included. Defaults to 1024.
        cache (path, optional): File that keeps the result.
        template (str or DialogueTemplate): Its special tokens come first in
            the vocabulary. Defaults to 'internvl2_5'.

    Returns:
        transformers.PreTrainedTokenizerFast: The tokenizer.

    Raises:
        MissingDataError: If a corpus file is absent.
        DataError: If a corpus file does not parse.
        ConfigError: If ``vocab_size`` does not hold bytes and specials.
    """
    template = get_template(template)
    special = template.special_tokens
    if vocab_size < 256 + len(special):
        raise ConfigError(f'vocab_size={vocab_size} does not hold the 256 '
                          f'bytes and {len(special)} special tokens')
    files = [corpus] if isinstance(corpus, (str, Path)) else list(corpus)
    digest = _digest(files, vocab_size, special)
    text = _read_cache(cache, digest)
    if text is None:
        text = _train(_texts(files), vocab_size, special)
        _write_cache(cache, digest, text)
    return _wrap(text, template)


def _train(texts: Iterable[str], vocab_size: int,
           special: Sequence[str]) -> str:
    from tokenizers import Tokenizer, decoders, models
    from tokenizers.pre_tokenizers import ByteLevel, Digits
    from tokenizers.pre_tokenizers import Sequence as Chain
    from tokenizers.trainers import BpeTrainer
    tokenizer = Tokenizer(models.BPE())
    # Single digits: coordinates and counts are then spelled by place value,
    # as Qwen's tokenizer does.
    tokenizer.pre_tokenizer = Chain(
        [Digits(individual_digits=True),
         ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(special),
            initial_alphabet=sorted(ByteLevel.alphabet()),
            show_progress=False))
    return tokenizer.to_str()


def _wrap(text: str, template: DialogueTemplate) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(text),
        eos_token=template.turn_end,
        pad_token=template.special_tokens[0],
        additional_special_tokens=list(template.special_tokens),
        clean_up_tokenization_spaces=False)


def _digest(files: Sequence[Union[str, Path]], vocab_size: int,
            special: Sequence[str]) -> str:
    digest = hashlib.sha256(repr((vocab_size, tuple(special))).encode())
    for file in files:
        try:
            digest.update(Path(file).read_bytes())
        except FileNotFoundError:
            raise MissingDataError(
                f'tokenizer corpus {file} is absent: give an instruction '
                '.jsonl (SynthEarth writes instruct/instruct.jsonl)'
            ) from None
    return digest.hexdigest()


def _texts(files: Sequence[Union[str, Path]]) -> Iterator[str]:
    for file in files:
        content = Path(file).read_text(encoding='utf-8')
        lines = [content] if content.lstrip().startswith('[') else \
            content.splitlines()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                records = json.loads(line)
            except ValueError as error:
                raise DataError(f'{file}:{number}: not JSON ({error}); '
                                'correct or remove the line') from None
            for record in records if isinstance(records, list) else [records]:
                for turn in record.get('conversations', []):
                    yield str(turn.get('value', turn.get('content', '')))


def _read_cache(cache: Optional[Union[str, Path]],
                digest: str) -> Optional[str]:
    if cache is None or not Path(cache).is_file():
        return None
    try:
        saved = json.loads(Path(cache).read_text(encoding='utf-8'))
        fits = saved['digest'] == digest
    except (ValueError, KeyError, TypeError):
        raise DataError(f'{cache} is not a tokenizer cache of mmeo: delete '
                        'it, it is made again') from None
    if not fits:
        print_log(f'{cache} was trained on another corpus; training anew',
                  'current')
        return None
    return saved['tokenizer']


def _write_cache(cache: Optional[Union[str, Path]], digest: str,
                 text: str) -> None:
    """Write by renaming: ranks may race, the file is never half there."""
    if cache is None:
        return
    cache = Path(cache)
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=cache.parent, prefix=cache.name)
    with os.fdopen(handle, 'w', encoding='utf-8') as file:
        json.dump(dict(digest=digest, tokenizer=text), file)
    os.replace(name, cache)
