# Copyright (c) mmeo contributors. All rights reserved.
"""CLIP's tokenizer without its merges: a token for each byte."""

from typing import Any

from mmeo.registry import TASK_UTILS

START, END = '<|startoftext|>', '<|endoftext|>'


@TASK_UTILS.register_module()
def CLIPByteTokenizer() -> Any:  # noqa: N802
    """Bytes, bytes that end a word, and CLIP's two special tokens.

    For CLIP models made from a config, which have no vocabulary file: set
    ``vocab_size=514``, ``bos_token_id=512``, ``eos_token_id=513`` there (the
    default of :class:`CLIPTextEncoder`).

    Returns:
        transformers.PreTrainedTokenizerFast: Texts are lower case; 'end of
        text' pads.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {word: i for i, word in enumerate(
        [*letters, *(f'{x}</w>' for x in letters), START, END])}
    core = Tokenizer(models.BPE(vocab, [], end_of_word_suffix='</w>'))
    core.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    core.post_processor = TemplateProcessing(
        single=f'{START} $A {END}',
        special_tokens=[(START, vocab[START]), (END, vocab[END])])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=START, eos_token=END, pad_token=END,
        clean_up_tokenization_spaces=False)
