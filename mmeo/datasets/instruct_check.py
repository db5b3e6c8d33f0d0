# Copyright (c) mmeo contributors. All rights reserved.
"""Every flaw of one record, not just the first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from PIL import Image

from mmeo.codecs import get_template
from mmeo.datasets.instruct_index import parse_json
from mmeo.datasets.instruct_issues import Issue
from mmeo.datasets.instruct_records import image_names, read_sample
from mmeo.datasets.instruct_structure import structure_flaws
from mmeo.datasets.instruct_tasks import task_flaws
from mmeo.datasets.transforms.dynamic_tiling import DynamicTiling
from mmeo.datasets.transforms.load_image import read_picture
from mmeo.datasets.transforms.pack_dialogue import PackDialogue
from mmeo.errors import DataError, MissingDataError

# What the loader stops at as well.
_REFUSED = {'record', 'role', 'order', 'placeholder'}
# What leaves no turns to look at.
_UNREADABLE = {'record', 'role', 'order'}
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
        mask_grid (int): Cells of a side of masks in ``[SEG]`` answers.
        truth (bool): The file is for evaluation; see
            :func:`~mmeo.datasets.instruct_tasks.task_flaws`.
        one_granularity (bool): A dialogue is for one expert.
    """

    decode: bool = False
    tiling: Optional[DynamicTiling] = None
    pack: Optional[PackDialogue] = None
    template: str = 'internvl2_5'
    limit: int = 5
    mask_grid: int = 24
    truth: bool = False
    one_granularity: bool = False

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

    def check(self, text: bytes, source: str, root: Path) -> 'RecordFindings':
        """Check one record.

        Args:
            text (bytes): Its JSON.
            source (str): ``file:line``.
            root (Path): Folder of relative image paths.

        Returns:
            RecordFindings: Issues, images, sample and id.
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
        findings.issues += [
            Issue(kind, source, message)
            for kind, message in structure_flaws(record, self.control)]
        kinds = {issue.kind for issue in findings.issues}
        if not kinds & _UNREADABLE:
            findings.issues += [
                Issue(kind, source, message) for kind, message in task_flaws(
                    record, self.settings.mask_grid, self.settings.truth,
                    self.settings.one_granularity)]
        # The loader has the last word on what it accepts.
        try:
            sample = read_sample(record, source, root)
        except DataError as error:
            if not kinds & _REFUSED:
                findings.issues.append(
                    Issue('record', source, _without_place(error, source)))
                return findings
        else:
            if 'control-token' not in kinds:
                findings.sample = sample
        names = _names(record)
        findings.images = len(names)
        states = [self._image(str(root / name)) for name in names]
        findings.issues += [Issue(state[0], source, state[1])
                            for state in states
                            if state and isinstance(state[0], str)]
        return findings

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

    def measure(self, sample: dict,
                max_tiles: Optional[int] = None) -> Optional['Length']:
        """Count the tokens of a sample.

        Args:
            sample (dict): Of :func:`read_sample`, or several of them joined.
            max_tiles (int, optional): Of its dataset.

        Returns:
            Length, optional: None where lengths are not looked at, or the
            size of an image is unknown.
        """
        if not self.settings.counts_tokens:
            return None
        states = [self._image(path) for path in sample['img_paths']]
        if any(isinstance(state[0], str) for state in states):
            return None
        pack, source = self.settings.pack, sample['source']
        seen = self.settings.tiling.measure(states, max_tiles)
        rendered = pack.render(sample['conversations'], pack.tokens(seen))
        length = Length(len(rendered.input_ids))
        try:
            dropped = pack.fit(rendered, source)
        except DataError:
            length.issue = Issue(
                'too-long', source,
                f'{length.tokens} tokens, {sum(rendered.image_mask)} of '
                f'them of {sum(seen["num_tiles"])} tiles, max_seq_len='
                f'{pack.max_seq_len}')
            return length
        if dropped:
            length.issue = Issue(
                'cut', source, f'{length.tokens} tokens: the last {dropped} '
                f'of {len(rendered.round_ends) + dropped} rounds are dropped')
        return length


@dataclass
class Length:
    """How long a sample is.

    Attributes:
        tokens (int): Before any round is dropped.
        issue (Issue, optional): Whether it fits.
    """

    tokens: int
    issue: Optional[Issue] = None


@dataclass
class RecordFindings:
    """What was found in one record.

    Attributes:
        issues (list[Issue]): Flaws.
        images (int): Images that it names.
        sample (dict, optional): The record as the loader has it, where it
            can be used.
        id (Any): Its ``id``.
    """

    issues: list[Issue]
    images: int = 0
    sample: Optional[dict] = None
    id: Any = None


def _names(record: Any) -> list[str]:
    try:
        return image_names(record)
    except (DataError, AttributeError):
        return []


def _without_place(error: Exception, source: str) -> str:
    return str(error).removeprefix(f'{source}: ')
