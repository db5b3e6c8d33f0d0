# Copyright (c) mmeo contributors. All rights reserved.
"""Every flaw of one record, not just the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from PIL import Image

from mmeo.codecs import IMAGE_PLACEHOLDER, get_template, inspect_boxes
from mmeo.codecs.dialogue import ROLES
from mmeo.datasets.instruct_index import parse_json
from mmeo.datasets.instruct_issues import Issue
from mmeo.datasets.instruct_records import image_names, read_sample
from mmeo.datasets.transforms.dynamic_tiling import DynamicTiling
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.datasets.transforms.pack_dialogue import PackDialogue
from mmeo.errors import DataError, MissingDataError

_CACHE = 200_000  # images remembered by a process

# Height and width, or kind and message of what is wrong.
ImageState = Union[tuple[int, int], tuple[str, str]]


@dataclass
class CheckSettings:
    """What a check looks at.

    Attributes:
        decode (bool): Decode every image completely, instead of only looking
            whether it exists.
        tiling (DynamicTiling, optional): With ``pack``, counts tokens.
        pack (PackDialogue, optional): With ``tiling``, counts tokens.
        template (str): Whose control tokens may not appear in a text.
        limit (int): Examples kept of each kind.
    """

    decode: bool = False
    tiling: Optional[DynamicTiling] = None
    pack: Optional[PackDialogue] = None
    template: str = 'internvl2_5'
    limit: int = 5

    @property
    def counts_tokens(self) -> bool:
        """Whether the length of samples is looked at."""
        return self.tiling is not None and self.pack is not None


class RecordChecker:
    """Looks for flaws in records; remembers images it has seen.

    Args:
        settings (CheckSettings): What to look at.
    """

    def __init__(self, settings: CheckSettings) -> None:
        self.settings = settings
        template = settings.pack.template if settings.pack else \
            get_template(settings.template)
        self.control = template.control_tokens
        self._images: dict[str, ImageState] = {}

    def check(self, text: bytes, source: str, root: Path,
              max_tiles: Optional[int] = None) -> 'RecordFindings':
        """Check one record.

        Args:
            text (bytes): Its JSON.
            source (str): ``file:line``.
            root (Path): Folder of relative image paths.
            max_tiles (int, optional): Of its dataset.

        Returns:
            RecordFindings: Issues, images, tokens and id.
        """
        findings = RecordFindings([])
        try:
            record = parse_json(text, source)
        except DataError as error:
            findings.issues.append(
                Issue('json', source, _without_place(error, source)))
            return findings
        if isinstance(record, Mapping):
            findings.id = record.get('id')
        found = [Issue(kind, source, message)
                 for kind, message in self._structure(record)]
        findings.issues += found
        if not found:
            # The loader has the last word on what it accepts.
            try:
                read_sample(record, source, root)
            except DataError as error:
                findings.issues.append(
                    Issue('record', source, _without_place(error, source)))
                return findings
        names = _names(record)
        findings.images = len(names)
        states = [self._image(str(root / name)) for name in names]
        flaws = [s for s in states if s and isinstance(s[0], str)]
        findings.issues += [Issue(kind, source, message)
                            for kind, message in flaws]
        if self.settings.counts_tokens and not found and not flaws:
            self._length(record, states, source, max_tiles, findings)
        return findings

    def _structure(self, record: Any) -> Iterator[tuple[str, str]]:
        if not isinstance(record, Mapping):
            yield 'record', f'is a {type(record).__name__}, not an object'
            return
        turns = record.get('conversations')
        if not isinstance(turns, list) or not all(
                isinstance(turn, Mapping) for turn in turns):
            yield 'record', '`conversations` is no list of objects'
            return
        yield from _check_turns(turns)
        texts = [(ROLES.get(_role(turn)), _text(turn)) for turn in turns]
        for number, (_, text) in enumerate(texts):
            yield from self._check_text(text, number)
        try:
            images = image_names(record)
        except DataError as error:
            yield 'record', str(error)
            return
        yield from _check_placeholders(texts, len(images))

    def _check_text(self, text: str, number: int) -> Iterator[tuple[str, str]]:
        for token in self.control:
            if token in text:
                yield 'control-token', f'turn {number} holds {token!r}'
        if '<box>' in text:
            for kind, box in inspect_boxes(text):
                yield f'box-{kind}', f'turn {number}: {box[:80]}'

    def _image(self, path: str) -> Optional[ImageState]:
        if path not in self._images:
            if len(self._images) >= _CACHE:
                self._images.clear()
            self._images[path] = self._look_at(path)
        return self._images[path]

    def _look_at(self, path: str) -> Optional[ImageState]:
        if not Path(path).is_file():
            return 'image-missing', path
        if self.settings.decode:
            try:
                picture = read_picture(path)
            except (DataError, MissingDataError) as error:
                return 'image-broken', str(error)
        elif self.settings.counts_tokens:
            try:
                with Image.open(path) as picture:  # reads the header only
                    pass
            except (OSError, ValueError, SyntaxError,
                    Image.DecompressionBombError) as error:
                return 'image-broken', f'{path}: {error}'
        else:
            return None
        if picture.mode.startswith(('I', 'F')):
            return 'image-mode', f'{path} has mode {picture.mode!r}'
        return picture.height, picture.width

    def _length(self, record: dict, states: Sequence, source: str,
                max_tiles: Optional[int],
                findings: 'RecordFindings') -> None:
        pack = self.settings.pack
        tiles = self.settings.tiling.count_tiles(states, max_tiles)
        rendered = pack.render(record['conversations'], tiles)
        findings.tokens = len(rendered.input_ids)
        try:
            dropped = pack.fit(rendered, source)
        except DataError:
            findings.issues.append(Issue(
                'too-long', source,
                f'{findings.tokens} tokens, {sum(rendered.image_mask)} of '
                f'them of {sum(tiles)} tiles, max_seq_len='
                f'{pack.max_seq_len}'))
            return
        if dropped:
            findings.issues.append(Issue(
                'cut', source, f'{findings.tokens} tokens: the last {dropped} '
                f'of {len(rendered.round_ends) + dropped} rounds are dropped'))


@dataclass
class RecordFindings:
    """What was found in one record.

    Attributes:
        issues (list[Issue]): Flaws.
        images (int): Images that it names.
        tokens (int, optional): Its length, where it was counted.
        id (Any): Its ``id``.
    """

    issues: list[Issue]
    images: int = 0
    tokens: Optional[int] = None
    id: Any = None


def _check_turns(turns: Sequence[Mapping]) -> Iterator[tuple[str, str]]:
    roles = []
    for number, turn in enumerate(turns):
        role, text = _role(turn), turn.get('value', turn.get('content'))
        if role not in ROLES:
            yield 'role', f'turn {number} is by {role!r}'
        if not isinstance(text, str):
            yield 'record', f'turn {number} has no text'
        elif not text.replace(IMAGE_PLACEHOLDER, '').strip():
            kind = 'answer' if ROLES.get(role) == 'assistant' else 'question'
            yield kind, f'turn {number} by {role!r} is empty'
        roles.append(ROLES.get(role, role))
    if roles[:1] == ['system']:
        roles = roles[1:]
    if all(role in ROLES.values() for role in roles) and (
            not roles or roles != ['user', 'assistant'] * (len(roles) // 2)):
        yield 'order', f'turns by {", ".join(roles) or "nobody"}'


def _check_placeholders(texts: Sequence[tuple[Optional[str], str]],
                        images: int) -> Iterator[tuple[str, str]]:
    found = sum(text.count(IMAGE_PLACEHOLDER) for role, text in texts
                if role == 'user')
    stray = sum(text.count(IMAGE_PLACEHOLDER) for _, text in texts) - found
    if stray:
        yield 'placeholder', f'{stray} outside human turns'
    # A single image needs none: it is put before the first question.
    if found != images and not (found == 0 and images == 1):
        yield 'placeholder', f'{found} for {images} images'


def _role(turn: Mapping) -> Any:
    role = turn.get('from', turn.get('role'))
    return role if isinstance(role, str) else repr(role)


def _text(turn: Mapping) -> str:
    text = turn.get('value', turn.get('content'))
    return text if isinstance(text, str) else ''


def _names(record: Any) -> list[str]:
    try:
        return image_names(record)
    except (DataError, AttributeError):
        return []


def _without_place(error: Exception, source: str) -> str:
    return str(error).removeprefix(f'{source}: ')
