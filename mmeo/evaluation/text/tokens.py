# Copyright (c) mmeo contributors. All rights reserved.
"""How a caption is cut into words before it is scored.

The choice moves BLEU and CIDEr by points, so it is a recorded option.
"""

import subprocess
from collections.abc import Sequence

from mmeo.errors import ConfigError

from .coco_captions import coco_module, has_java, package_folder

STYLES = ('ptb', 'levir', 'space')


def clean(text: str) -> str:
    """One line of visible characters, lower case.

    Control characters, halves of surrogates and ``|||`` (which separates
    sentences in METEOR's input) would break the tools that read it.
    """
    text = text.encode('utf-8', 'replace').decode()
    text = ' '.join(text.split()).replace('|||', ' ')
    return ' '.join(''.join(
        char for char in text if char.isprintable()).lower().split())


def levir_tokens(text: str) -> list[str]:
    """Words of LEVIR-CC's own preparation, lower case added by us.

    A space goes in front of ``;`` and ``,``, ``?`` and ``.`` are deleted,
    the rest is split at white space.
    """
    text = clean(text)
    for mark in ';,':
        text = text.replace(mark, f' {mark}')
    return text.replace('?', '').replace('.', '').split()


def check_style(style: str) -> None:
    """Refuse what cannot work here.

    Raises:
        ConfigError: If the style is unknown, or 'ptb' has no java or no
            pycocoevalcap to run.
    """
    if style not in STYLES:
        raise ConfigError(f'tokens={style!r}: choose one of {list(STYLES)}')
    if style == 'ptb':
        coco_module('tokenizer.ptbtokenizer')
        if not has_java():
            raise ConfigError(
                "tokens='ptb' runs the Penn Treebank tokenizer of Stanford "
                'CoreNLP, which needs java: install a Java runtime, or set '
                "tokens='space', which gives other numbers")


def tokenize(texts: Sequence[str], style: str) -> list[str]:
    """Cut texts into words.

    Args:
        texts (Sequence[str]): Any, empty ones too.
        style (str): 'ptb': Penn Treebank words without punctuation, as for
            COCO captions (java); 'levir': see :func:`levir_tokens`; 'space':
            split at white space, punctuation stays. All in lower case.

    Returns:
        list[str]: Words joined by one space; '' where there is none.
    """
    check_style(style)
    if style == 'space':
        return [clean(text) for text in texts]
    if style == 'levir':
        return [' '.join(levir_tokens(text)) for text in texts]
    cleaned = [clean(text) for text in texts]
    unique = sorted({text for text in cleaned if text})
    words = dict(zip(unique, _ptb(unique)))
    return [words.get(text, '') for text in cleaned]


def _ptb(lines: Sequence[str]) -> list[str]:
    """One run of the tokenizer that comes with pycocoevalcap.

    Its Python wrapper writes a file into the installed package, which is
    often read-only, and loses the last lines if they are empty; the command
    is the same.
    """
    if not lines:
        return []
    wrapper = coco_module('tokenizer.ptbtokenizer')
    command = ['java', '-cp', wrapper.STANFORD_CORENLP_3_4_1_JAR,
               'edu.stanford.nlp.process.PTBTokenizer', '-preserveLines',
               '-lowerCase', '-encoding', 'UTF-8']
    run = subprocess.run(
        command, cwd=package_folder() / 'tokenizer', capture_output=True,
        input='\n'.join(lines).encode(), check=False)
    found = run.stdout.decode('utf-8', 'replace').split('\n')[:len(lines)]
    if run.returncode or len(found) < len(lines):
        raise ConfigError(
            'the PTB tokenizer failed: '
            f'{run.stderr.decode("utf-8", "replace").strip()[-300:]}; check '
            '`java -version`')
    marks = wrapper.PUNCTUATIONS  # codespell:ignore punctuations
    return [' '.join(word for word in line.split() if word not in marks)
            for line in found]
