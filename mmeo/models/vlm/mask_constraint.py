# Copyright (c) mmeo contributors. All rights reserved.
"""Constrained decoding: answers that can only be masks."""

import inspect
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor

from mmeo.codecs.mask_grammar import MaskState
from mmeo.codecs.mask_tokens import TokenAutomaton, token_table
from mmeo.errors import ConfigError


class MaskLogitsProcessor(LogitsProcessor):
    """Lets a language model write masks, and nothing else.

    Tokens after which the text could not become a mask get the score minus
    infinity: rows have g cells each, there are g of them, labels are those
    asked for, and the end token comes after the last row and not before. The
    text is one that :func:`mmeo.codecs.encode_mask` would write. Works with
    greedy decoding, sampling and beams, and does not depend on how the
    tokenizer cuts names and numbers. Our choice; the paper mends no answer.

    Args:
        tokenizer (transformers.PreTrainedTokenizerBase): Of a BPE kind, see
            :func:`mmeo.codecs.mask_tokens.token_bytes`.
        names_per_row (Sequence): For each sample of the batch the label names
            (the background's word first), or None, which leaves that row
            free.
        grid (int): Cells of a side. Defaults to 24.
        dialect (str): 'rsunivlm' or 'text4seg'. Defaults to 'rsunivlm'.
        eos_token_id (int or Sequence[int], optional): Ends an answer; that of
            the tokenizer by default.
        max_new_tokens (int, optional): Limit that ``generate`` has been
            given: masks are then kept short enough to end within it. By
            default a mask of many runs may be cut by that limit.
        prompt_length (int): Tokens of the prompt in ``input_ids``, padding
            included; 0 for generation from embeddings. Defaults to 0.

    Raises:
        DataError: If a name cannot be written in a mask.
        ConfigError: If the tokenizer is of another kind, there is no end
            token, or not even the shortest mask fits into
            ``max_new_tokens``.
    """

    def __init__(self,
                 tokenizer: Any,
                 names_per_row: Sequence[Optional[Sequence[str]]],
                 grid: int = 24,
                 dialect: str = 'rsunivlm',
                 eos_token_id: Optional[Union[int, Sequence[int]]] = None,
                 max_new_tokens: Optional[int] = None,
                 prompt_length: int = 0) -> None:
        if eos_token_id is None:
            eos_token_id = tokenizer.eos_token_id
        if eos_token_id is None:
            raise ConfigError('MaskLogitsProcessor needs `eos_token_id`: the '
                              'tokenizer has none')
        self._eos = np.atleast_1d(np.array(eos_token_id, dtype=np.int64))
        table = token_table(tokenizer)
        self._automata = [
            None if names is None else table.automaton(names, grid, dialect)
            for names in names_per_row
        ]
        self._vocab = table.size
        self._limit = max_new_tokens
        self._prompt_length = prompt_length
        self._seen: Optional[Tensor] = None
        self._states: list[Optional[MaskState]] = []
        for automaton in filter(None, self._automata):
            self._check_limit(automaton)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Forbid tokens.

        Args:
            input_ids (Tensor): ``(B, T)`` prompt, as far as it is made of
                tokens, and answers so far. B is the number of samples times
                beams (or answers) of each.
            scores (Tensor): ``(B, V)`` of the next token.

        Returns:
            Tensor: ``(B, V)``; scores of what may follow are unchanged.

        Raises:
            ConfigError: If the model knows fewer tokens than the tokenizer,
                the batch is of another size, or ``input_ids`` has a prompt
                that ``prompt_length`` does not tell of.
        """
        if self._vocab > scores.shape[-1]:
            raise ConfigError(
                f'the model knows {scores.shape[-1]} tokens, the tokenizer '
                f'{self._vocab}: they do not belong together')
        answers = input_ids
        if self._prompt_length:
            answers = answers[:, self._prompt_length:]
        self._follow(answers)
        left = None if self._limit is None else self._limit - answers.shape[1]
        places, free = [], []
        for i, state in enumerate(self._states):
            automaton = self._automaton(i)
            if automaton is None:
                free.append(i)
            else:
                places.append(self._allowed(automaton, state, left) +
                              i * scores.shape[-1])
        result = scores.new_full(scores.shape, -torch.inf)
        if places:
            index = torch.from_numpy(np.concatenate(places)).to(scores.device)
            # Should another processor have forbidden all of these, sampling
            # must still find one: hence no minus infinity among them.
            lowest = torch.finfo(scores.dtype).min
            result.put_(index, scores.take(index).clamp_(min=lowest))
        if free:
            result[free] = scores[free]
        return result

    def _automaton(self, row: int) -> Optional[TokenAutomaton]:
        return self._automata[row * len(self._automata) // len(self._states)]

    def _check_limit(self, automaton: TokenAutomaton) -> None:
        least = automaton.least(automaton.grammar.start)
        if self._limit is not None and least > self._limit:
            raise ConfigError(
                f'max_new_tokens={self._limit} does not hold a mask of '
                f'{automaton.grammar.grid} rows: the shortest one takes '
                f'{least} tokens')

    def _allowed(self, automaton: TokenAutomaton, state: Optional[MaskState],
                 left: Optional[int]) -> np.ndarray:
        """Ids that may follow, with ``left`` more tokens to write."""
        if state is None or automaton.grammar.accepts(state):
            return self._eos
        moves = automaton.moves(state)
        if left is None or moves.most + state.rows * automaton.row_cost < left:
            return moves.ids
        needs = moves.needs + (state.rows - moves.rows) * automaton.row_cost
        return moves.ids[needs < left]

    def _follow(self, answers: Tensor) -> None:
        """Bring the states up to date with the answers."""
        if len(answers) % len(self._automata):
            raise ConfigError(
                f'MaskLogitsProcessor has names for {len(self._automata)} '
                f'samples, but the batch has {len(answers)} rows')
        seen, self._seen = self._seen, answers
        if seen is None or (len(seen), seen.shape[1] + 1) != answers.shape:
            self._replay(answers)
        elif (len(answers) == len(self._automata)
              or torch.equal(seen, answers[:, :-1])):
            self._states = [self._advance(i, self._states[i], token)
                            for i, token in enumerate(
                                answers[:, -1].tolist())]
        else:
            self._reorder(seen, answers)

    def _advance(self, row: int, state: Optional[MaskState],
                 token: int) -> Optional[MaskState]:
        """None when the mask is over, or a beam of no probability."""
        automaton = self._automaton(row)
        if automaton is None or state is None:
            return state
        return automaton.advance(state, token)

    def _replay(self, answers: Tensor) -> None:
        automata = [self._automata[i * len(self._automata) // len(answers)]
                    for i in range(len(answers))]
        self._states = [automaton and automaton.grammar.start
                        for automaton in automata]
        for i, row in enumerate(answers.tolist()):
            for token in row:
                if token in self._eos:
                    self._states[i] = None
                    break
                self._states[i] = self._advance(i, self._states[i], token)
                if automata[i] and self._states[i] is None:
                    raise ConfigError(
                        'MaskLogitsProcessor was given text that is no mask: '
                        'set `prompt_length` to the tokens of the prompt')

    def _reorder(self, seen: Tensor, answers: Tensor) -> None:
        """Beams have changed places: find each by what it has written."""
        beams = len(answers) // len(self._automata)
        known = {(i // beams, row.tobytes()): state for i, (row, state)
                 in enumerate(zip(seen.cpu().numpy(), self._states))}
        rows = answers.cpu().numpy()
        self._states = [
            self._advance(i, known[i // beams, row[:-1].tobytes()],
                          int(row[-1])) for i, row in enumerate(rows)
        ]


# transformers asks for the signature in every step; this spares the work.
MaskLogitsProcessor.__call__.__signature__ = inspect.signature(
    MaskLogitsProcessor.__call__)
