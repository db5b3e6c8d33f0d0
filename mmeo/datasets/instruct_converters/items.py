# Copyright (c) mmeo contributors. All rights reserved.
"""What a source yields, and the table of sources."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from mmeo.errors import ConfigError


@dataclass(frozen=True)
class Sample:
    """One conversation.

    Attributes:
        key (str): Unique in its source; also seeds the choice of wording, so
            that a sample reads the same whatever else is converted.
        images (tuple[str, ...]): Paths relative to the image root, with
            forward slashes.
        turns (tuple[tuple[str, str], ...]): Questions and answers; image
            placeholders are added when the record is written.
        notes (tuple[str, ...]): What was mended, counted in the report.
        placed (bool): The turns hold their image placeholders already.
        system (str, optional): System prompt of the conversation.
        task (str or tuple[str, ...]): Key of :data:`mmeo.codecs.TASKS`, ''
            for free dialogue; one for all turns, or one for each. Styles
            with task tokens write it before each question.
        truth (Mapping or tuple[Mapping, ...]): Fields for metrics, of all
            turns or of each; written with ``--truth``.
    """

    key: str
    images: tuple[str, ...]
    turns: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    placed: bool = False
    system: Optional[str] = None
    task: Union[str, tuple[str, ...]] = ''
    truth: Union[Mapping[str, Any], tuple[Mapping[str, Any], ...]] = field(
        default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task of each turn."""
        return (self.task, ) * len(self.turns) if isinstance(
            self.task, str) else self.task

    @property
    def truths(self) -> tuple[Mapping[str, Any], ...]:
        """Fields for metrics of each turn."""
        return (self.truth, ) * len(self.turns) if isinstance(
            self.truth, Mapping) else self.truth


@dataclass(frozen=True)
class Dropped:
    """A question that is not written.

    Attributes:
        reason (str): Short and countable: no file names in it.
        where (str): File and record, shown once for each reason.
        flaw (bool): True where the data are at fault, False where they are
            left out on purpose (another split, an inactive entry).
    """

    reason: str
    where: str
    flaw: bool = True


Item = Union[Sample, Dropped]
Reader = Callable[..., Iterator[Item]]


class Unusable(Exception):
    """Raised by helpers; the source turns it into a :class:`Dropped`.

    Args:
        reason (str): See :class:`Dropped`.
        where (str, optional): The file at fault, if it is not the one that
            the source reads.
        flaw (bool): See :class:`Dropped`. Defaults to True.
    """

    def __init__(self, reason: str, where: Optional[str] = None,
                 flaw: bool = True) -> None:
        super().__init__(reason)
        self.where = where
        self.flaw = flaw

    def drop(self, where: str) -> Dropped:
        """What the source yields."""
        return Dropped(str(self), self.where or where, self.flaw)


@dataclass(frozen=True)
class Option:
    """A command-line option of one source.

    Attributes:
        flag (str): As typed, e.g. ``--split``.
        help (str): What it does.
        default (Any): Used where it is not given.
        choices (tuple or None): Allowed values.
        type (Callable): Converts the text.
        required (bool): Whether it must be given.
    """

    flag: str
    help: str
    default: Any = None
    choices: Optional[tuple] = None
    type: Callable = str
    required: bool = False

    @property
    def name(self) -> str:
        """Keyword of the reader."""
        return self.flag.lstrip('-').replace('-', '_')


@dataclass(frozen=True)
class Source:
    """One raw format.

    Attributes:
        name (str): Sub-command.
        title (str): Data sets that come in it.
        asks (str): What becomes a question.
        tree (str): Expected files below the root.
        read (Callable): ``read(root, images, wording, **options)`` yields
            :class:`Sample` and :class:`Dropped`.
        folders (tuple[str, ...]): Image folders to look for below the root;
            the first that exists is the image root. Empty: the root itself.
        options (tuple[Option, ...]): Keywords of ``read``.
    """

    name: str
    title: str
    asks: str
    tree: str
    read: Reader
    folders: tuple[str, ...] = ()
    options: tuple[Option, ...] = field(default=())


SOURCES: dict[str, Source] = {}


def register_source(name: str, *, title: str, asks: str, tree: str,
                    folders: tuple[str, ...] = (),
                    options: tuple[Option, ...] = ()) -> Callable:
    """Decorate a reader and list it under ``name``."""

    def add(read: Reader) -> Reader:
        if name in SOURCES:
            raise KeyError(f'source {name!r} is listed twice')
        SOURCES[name] = Source(name, title, asks, tree, read, folders,
                               options)
        return read

    return add


SPLIT = Option('--split', 'which split to convert', default='train')


def parse_kinds(text: str, known: tuple[str, ...],
                flag: str = '--kinds') -> list[str]:
    """Read a comma-separated option.

    Raises:
        ConfigError: If it is empty or a word is unknown.
    """
    kinds = [kind.strip() for kind in text.split(',') if kind.strip()]
    wrong = [kind for kind in kinds if kind not in known]
    if wrong or not kinds:
        raise ConfigError(f'{flag} {text!r}: choose from {", ".join(known)}')
    return kinds
