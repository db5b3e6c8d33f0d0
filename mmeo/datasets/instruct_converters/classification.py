# Copyright (c) mmeo contributors. All rights reserved.
"""Scene classification: class folders or a table."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Optional

from mmeo.datasets.instruct_converters.captions import table_rows
from mmeo.datasets.instruct_converters.files import (
    find_image,
    read_json,
    walk_images,
)
from mmeo.datasets.instruct_converters.items import (
    Dropped,
    Item,
    Option,
    Sample,
    parse_kinds,
    register_source,
)
from mmeo.datasets.instruct_converters.wording import Wording, plain_name
from mmeo.errors import ConfigError, DataError

_KINDS = ('open', 'options', 'list', 'check', 'steps')
_MIXED = 'open,options,list,check'
# Longer lists would fill the context of a small language model.
_MAX_LIST = 80


@register_source(
    'classification',
    title='class folders or a csv: RESISC45, UCM, AID, EuroSAT, RSSCN7, '
          'Million-AID, your own',
    asks='the class: openly, from lettered options, from a list, as yes/no, '
         'or step by step through nested folders',
    tree='ROOT/CLASS/NAME.jpg   (folders may be nested: the last one is the '
         'class)\nor ROOT = a .csv/.tsv/.jsonl with columns image, label',
    options=(
        Option('--kinds', 'comma-separated: open, options, list, check, steps '
               '(chosen by seed for each image; default: '
               'open,options,list,check, in the style rsunivlm list)'),
        Option('--order', 'of the classes in a list: shuffled for each '
               'image, or sorted (default: shuffled, in the style rsunivlm '
               'sorted)', choices=(None, 'shuffled', 'sorted')),
        Option('--per-image', 'questions for each image', 1, type=int),
        Option('--num-options', 'lettered options', 4, type=int),
        Option('--class-names', 'json {"folder": "name to be learnt"}'),
        Option('--image-column', 'column of paths in a table', 'image'),
        Option('--label-column', 'column of classes in a table', 'label')))
def classification(root: Path, images: Path, wording: Wording,
                   kinds: Optional[str],
                   order: Optional[str], per_image: int, num_options: int,
                   class_names: Optional[str], image_column: str,
                   label_column: str) -> Iterator[Item]:
    """Questions about the class of each image."""
    marked = wording.style.task_tokens
    wanted = parse_kinds(kinds or ('list' if marked else _MIXED), _KINDS)
    fixed = order == 'sorted' or (marked and order is None)
    rename = read_json(Path(class_names)) if class_names else {}
    if root.is_file():
        rows = [(str(row[image_column]), str(row[label_column]))
                for _, row in table_rows(root, (image_column, label_column))]
    else:
        rows = [(name, PurePosixPath(name).parent.as_posix())
                for name in walk_images(images)]
    paths = {label: _steps(label, rename) for label in
             dict.fromkeys(label for _, label in rows) if label != '.'}
    names = sorted({steps[-1] for steps in paths.values()})
    _check_classes(paths, names, rename, wanted, class_names)
    for name, label in rows:
        if label == '.':
            yield Dropped('image lies in no class folder', name)
            continue
        image, note = find_image(images, name)
        steps = paths[label]
        possible = [k for k in wanted if k != 'steps' or len(steps) > 1]
        for number, kind in enumerate(
                wording.choose(image, possible, per_image)):
            key = f'{image}_class{number}'
            turn = _ask(kind, key, steps, names, wording, num_options, fixed)
            yield Sample(key, (image, ), (turn, ), (note, ) if note else (),
                         task='CLS', truth=dict(label=steps[-1]))


def _steps(label: str, rename: dict) -> list[str]:
    """Names from the coarse to the fine class."""
    return [rename.get(part) or plain_name(part)
            for part in PurePosixPath(label).parts]


def _check_classes(paths: dict, names: list[str], rename: dict,
                   wanted: list[str], file: Optional[str]) -> None:
    known = {part for label in paths for part in PurePosixPath(label).parts}
    unknown = sorted(set(rename) - known)
    if unknown:
        raise ConfigError(f'{file} renames {unknown[0]!r}, which is no class '
                          f'here; classes: {sorted(known)[:10]}')
    if len(paths) < 2:
        raise DataError(f'found {len(paths)} class folders: questions need at '
                        'least two. Give the folder above the classes.')
    if 'list' in wanted and len(names) > _MAX_LIST:
        raise ConfigError(f'{len(names)} classes are too many to list in a '
                          'question: leave `list` out of --kinds')
    if 'steps' in wanted and all(len(s) < 2 for s in paths.values()):
        raise ConfigError('`steps` in --kinds needs nested class folders')


def _ask(kind: str, key: str, steps: list[str], names: list[str],
         wording: Wording, num_options: int,
         fixed: bool) -> tuple[str, str]:
    name = steps[-1]
    if kind == 'open':
        return wording.say('classify', key), name
    if kind == 'list':
        shown = names if fixed else wording.choose(key, names, len(names))
        return wording.say('classify_list', key, names=', '.join(shown)), name
    if kind == 'steps':
        return wording.say('classify_steps', key), _explain(
            key, steps, wording)
    if kind == 'check':
        other = wording.choose(key, [n for n in names if n != name], 1)[0]
        shown, answer = wording.random(f'check:{key}').choice(
            ((name, 'yes'), (other, 'no')))
        question = wording.say('classify_check', key, name=shown)
        return question, wording.say(answer, key)
    return ask_options('classify_options', key, name, names, wording,
                       num_options)


def ask_options(template: str, key: str, name: str, names: list[str],
                wording: Wording, count: int, /,
                **fields: str) -> tuple[str, str]:
    """A multiple-choice question and the letter of its answer."""
    options, letter = wording.options(key, name, names, count)
    question = wording.say(template, key, **fields)
    return f'{question}\n{options}\n{wording.say("letter", key)}', letter


def _explain(key: str, steps: list[str], wording: Wording) -> str:
    texts = [wording.say('classify_step_first', key, name=steps[0])]
    texts += [wording.say('classify_step_next', f'{key}{i}', name=step)
              for i, step in enumerate(steps[1:])]
    texts.append(wording.say('classify_step_last', key, name=steps[-1]))
    return ' '.join(texts)
