# Copyright (c) mmeo contributors. All rights reserved.
"""``mmeo.apis.ChatInferencer``: talk about images with a dialogue model."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmengine.dataset import pseudo_collate

from mmeo.codecs import IMAGE_PLACEHOLDER, task_of, task_token
from mmeo.errors import ConfigError, DataError

from .chat_answer import ChatAnswer, read_answer
from .chat_images import ChatImage, ChatImageLike
from .chat_model import chat_transforms, load_chat_model
from .prompt_model import ModelLike

Images = Union[ChatImageLike, ChatImage, Sequence[Any], None]


class ChatInferencer:
    """Answers questions about one image or a pair of dates.

    Args:
        model (str | Path | dict | Config | nn.Module): Config of an
            ``InstructVLM`` with a data loader, its name, or the model itself.
        weights (str, optional): Checkpoint; None only with a module.
        device (str, optional): Defaults to the GPU if there is one.
        dtype (str, optional): See
            :func:`~mmeo.apis.chat_model.load_chat_model`.
        tokenizer (str | dict, optional): In place of the config's.
        grid (int, optional): Cells of a mask's side. Defaults to that of the
            model's ``constrain_masks``, else the config's ``mask_grid``, else
            24.
        max_images (int): Of a dialogue. Defaults to 2.
        trust_checkpoint (bool): Unpickle whatever the checkpoint holds, which
            lets it run code. Defaults to False.
        cfg_options (dict, optional): Dotted config keys to override.

    Raises:
        ConfigError: If the config is no dialogue model, or has no pipeline.
        CheckpointError: If the weights do not fit.

    Example:
        >>> chat = ChatInferencer('config.py', 'weights.pth')
        >>> chat('scene.tif', '[VG] the largest ship').boxes
        >>> talk = chat.start(['before.tif', 'after.tif'])
        >>> talk.ask('What has changed?', task='CCD').text
        >>> talk.ask('Segment the changed buildings.', task='SEG').mask
    """

    def __init__(self,
                 model: ModelLike,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 dtype: Optional[str] = None,
                 tokenizer: Any = None,
                 grid: Optional[int] = None,
                 max_images: int = 2,
                 trust_checkpoint: bool = False,
                 cfg_options: Optional[dict] = None) -> None:
        self.model, self.cfg = load_chat_model(
            model, weights, device, dtype, trust_checkpoint, cfg_options)
        self.views, self.pack = chat_transforms(self.cfg, tokenizer)
        self.model.use_tokenizer(self.pack.tokenizer)
        constraint = self.model.answers.mask_constraint or {}
        self.grid = grid or constraint.get('grid') or self.cfg.get(
            'mask_grid', 24)
        self.max_images = max_images
        self.box_dialect = ('internvl' if self.pack.template.name ==
                            'internvl2_5' else 'rsunivlm')

    def start(self, images: Images = None,
              system: Optional[str] = None) -> 'ChatSession':
        """Open a dialogue.

        Args:
            images: One image, a list of up to ``max_images``, or None.
            system (str, optional): System prompt; the template's by default.

        Raises:
            DataError: If an image cannot be used, or there are too many.
        """
        return ChatSession(self, open_images(images, self.max_images), system)

    def __call__(self,
                 images: Images,
                 question: Union[str, Sequence[str]],
                 task: Optional[str] = None,
                 names: Optional[Sequence[str]] = None,
                 batch_size: int = 8) -> Union[ChatAnswer, list[ChatAnswer]]:
        """Ask one question, or many at once, each in a dialogue of its own.

        Args:
            images: Of one question an image, a list of images (a pair), or
                None; of many a list of these, one each.
            question: The question, or a list.
            task (str, optional): Key of :data:`mmeo.codecs.TASKS`, put in
                front of questions that have no token.
            names (Sequence[str], optional): Labels of ``[SEG]`` answers.
            batch_size (int): Questions answered together. Defaults to 8.

        Returns:
            ChatAnswer or list[ChatAnswer]: As asked.

        Raises:
            DataError: If an image or a question cannot be used.
        """
        if isinstance(question, str):
            return self.start(images).ask(question, task, names)
        if images is None or len(images) != len(question):
            raise DataError(f'{len(question)} questions need as many entries '
                            'of images (None for a question without)')
        samples = []
        for one, text in zip(images, question):
            session = self.start(one)
            samples.append((session.prepare(text, task, names),
                            session.size))
        answers = []
        for i in range(0, len(samples), batch_size):
            answers += self.answer(samples[i:i + batch_size], names)
        return answers

    @torch.inference_mode()
    def answer(self, samples: Sequence[tuple[dict, tuple[int, int]]],
               names: Optional[Sequence[str]] = None) -> list[ChatAnswer]:
        """Answer prepared questions, one batch for each task.

        Args:
            samples (Sequence[tuple]): Packed samples and image sizes, of
                :meth:`ChatSession.prepare`.
            names (Sequence[str], optional): Labels of ``[SEG]`` answers.
        """
        groups: dict[str, list[int]] = {}
        for i, (sample, _) in enumerate(samples):
            groups.setdefault(sample['data_samples'].task, []).append(i)
        answers: list[Any] = [None] * len(samples)
        for task, members in groups.items():
            batch = self.model.data_preprocessor(
                pseudo_collate([samples[i][0] for i in members]))
            for i, out in zip(members, self.model(**batch, mode='predict')):
                answers[i] = read_answer(
                    out.question.replace(IMAGE_PLACEHOLDER, '').strip(),
                    out.pred_answer, task, out.granularity, samples[i][1],
                    names, self.grid, self.box_dialect, out.pred_finished)
        return answers


class ChatSession:
    """A dialogue about the same images.

    The whole dialogue is read anew for each answer: with an expert for each
    granularity what was read for one question does not serve the next, if
    that goes to another expert. The task of a question is told by its own
    token alone.

    Args:
        inferencer (ChatInferencer): The model.
        images (list[ChatImage]): None, one or several.
        system (str, optional): System prompt.

    Attributes:
        answers (list[ChatAnswer]): So far.
    """

    def __init__(self, inferencer: ChatInferencer, images: list[ChatImage],
                 system: Optional[str] = None) -> None:
        self.inferencer = inferencer
        self.images = images
        self.system = system
        self.answers: list[ChatAnswer] = []

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that boxes and masks refer to: the last image's.

        Pairs show one place at two dates; changes lie on the second.
        """
        return self.images[-1].size if self.images else (1, 1)

    def ask(self, question: str, task: Optional[str] = None,
            names: Optional[Sequence[str]] = None) -> ChatAnswer:
        """Ask the next question.

        Args:
            question (str): With or without a task token.
            task (str, optional): Key of :data:`mmeo.codecs.TASKS`, put in
                front of a question without token.
            names (Sequence[str], optional): Labels of a ``[SEG]`` answer.

        Returns:
            ChatAnswer: Also kept in ``answers``.

        Raises:
            DataError: If the task is unknown, the question is empty or holds
                a placeholder, or the dialogue is too long for the model.
        """
        sample = self.prepare(question, task, names)
        answer, = self.inferencer.answer([(sample, self.size)], names)
        self.answers.append(answer)
        return answer

    def prepare(self, question: str, task: Optional[str] = None,
                names: Optional[Sequence[str]] = None) -> dict:
        """The packed sample of the next question; see :meth:`ask`."""
        text = with_task(question, task)
        head = IMAGE_PLACEHOLDER * len(self.images) + '\n' * bool(self.images)
        turns = []
        if self.system is not None:
            turns.append({'from': 'system', 'value': self.system})
        said = [(a.question, a.text) for a in self.answers] + [(text, '')]
        for i, (asked, answered) in enumerate(said):
            turns += [
                {'from': 'human', 'value': asked if i else head + asked},
                {'from': 'gpt', 'value': answered}]
        results = dict(
            images=[image.picture for image in self.images],
            ori_shapes=[image.size for image in self.images],
            img_paths=[image.path or image.name for image in self.images],
            conversations=turns, source='dialogue')
        sample = self.inferencer.pack(self.inferencer.views(results))
        if names and sample['data_samples'].task == 'SEG':
            sample['data_samples'].set_metainfo(
                dict(mask_names=['others', *names]))
        return sample


def with_task(question: str, task: Optional[str] = None) -> str:
    """A question with its task token in front.

    Raises:
        DataError: If the task is unknown, the question says another one, is
            empty, or holds a placeholder.
    """
    text = question.strip()
    if not text:
        raise DataError('the question is empty')
    if IMAGE_PLACEHOLDER in text:
        raise DataError(f'leave {IMAGE_PLACEHOLDER} out of the question: '
                        'images are put in front of the first one')
    own = task_of(text)
    if task and own and own != task:
        raise DataError(f'the question says [{own}] and `task` is {task!r}: '
                        'give one of them')
    return text if own or not task else f'{task_token(task)} {text}'


def open_images(images: Images, most: int) -> list[ChatImage]:
    """Open what a user gives as images.

    Raises:
        DataError: If there are too many, or one cannot be used.
    """
    if images is None:
        return []
    if not isinstance(images, (list, tuple)):
        images = [images]
    if len(images) > most:
        raise DataError(f'{len(images)} images in a dialogue; the most is '
                        f'{most}')
    if most < 1:
        raise ConfigError('`max_images` is at least 1')
    return [image if isinstance(image, ChatImage) else ChatImage(image)
            for image in images]
