"""Two ways to find what a model would write: the likeliest token at every step, or a beam of several beginnings.

A model has two methods. `start(ids, lengths)` reads a batch of sentences and gives a state, a dictionary of tensors
whose first axis is the sentences. `step(tokens, state)` takes the last token of each, `<bos>` at first, and gives the
logarithms of the probabilities of the next one (batch, tokens) and the new state.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from scratch._arguments import at_least_1, finite
from scratch.text import Vocabulary

__all__ = ["Writer", "beam_search", "beams", "greedy"]

State = dict[str, Tensor]
BOS, EOS, PAD = Vocabulary.bos_id, Vocabulary.eos_id, Vocabulary.pad_id


class Writer(Protocol):
    """What a search asks of a model."""

    def start(self, ids: Tensor, lengths: Tensor | None) -> State:
        """ids (batch, length), lengths (batch,) -> the state before the first token."""

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens (batch,) -> the next one's log probabilities (batch, tokens), and the state."""


@torch.no_grad()
def greedy(model: Writer, ids: Tensor, lengths: Tensor | None, max_length: int) -> list[list[int]]:
    """For each sentence the likeliest token, and the likeliest after it, until `<eos>` or `max_length` tokens.

    ids (batch, length), lengths (batch,). Returns the tokens of each, without `<eos>`. Raises ValueError for a
    `max_length` below 1, and whatever `model.start` raises.

    >>> class Echo:  # writes what it has read
    ...     def start(self, ids, lengths):
    ...         return {"rest": torch.cat([ids, torch.full((len(ids), 1), EOS)], 1)}
    ...     def step(self, tokens, state):
    ...         return torch.eye(9)[state["rest"][:, 0]].log(), {"rest": state["rest"][:, 1:]}
    >>> greedy(Echo(), torch.tensor([[5, 7]]), None, max_length=9)
    [[5, 7]]
    """
    steps = range(at_least_1("max_length", max_length))
    state = model.start(ids, lengths)
    texts: list[list[int]] = [[] for _ in ids]
    rows = torch.arange(len(ids), device=_device(state))  # of the sentences that have not ended
    tokens = torch.full_like(rows, BOS)
    for _ in steps:
        log_p, state = model.step(tokens, state)
        tokens = log_p.argmax(1)
        goes_on = tokens != EOS
        rows, tokens, state = rows[goes_on], tokens[goes_on], _rows(state, goes_on)
        for row, token in zip(rows.tolist(), tokens.tolist(), strict=True):
            texts[row].append(token)
        if not len(rows):
            break
    return texts


def beam_search(
    model: Writer,
    ids: Tensor,
    lengths: Tensor | None,
    max_length: int,
    width: int = 5,
    length_penalty: float = 0.0,
) -> list[list[int]]:
    """For each sentence the best text that `beams` finds, without `<eos>`. A beam of width 1 is `greedy`."""
    found = beams(model, ids, lengths, max_length, width, length_penalty)
    return [texts[0][0] for texts in found]


@torch.no_grad()
def beams(
    model: Writer,
    ids: Tensor,
    lengths: Tensor | None,
    max_length: int,
    width: int = 5,
    length_penalty: float = 0.0,
) -> list[list[tuple[list[int], float]]]:
    """For each sentence the texts in a beam's end, best first, each with its log probability under the model.

    At every step the `width` best beginnings are kept. A beginning of n tokens, `<eos>` included, is judged by its log
    probability divided by ((5 + n) / 6) ** length_penalty: at 0, the default, by the probability itself, which favours
    short texts; above 0, long ones gain. What has ended stays as it is, as long as it is among the best. ids (batch,
    length), lengths (batch,). Texts come without `<eos>`; their log probability has it, unless they were cut off at
    `max_length`. Source: Wu et al. 2016, arXiv 1609.08144, section 7.

    Raises ValueError for a `max_length` or `width` below 1 or an infinite `length_penalty`, and whatever `model.start`
    raises.
    """
    max_length, width = at_least_1("max_length", max_length), at_least_1("width", width)
    power = finite("length_penalty", length_penalty)
    most, width = width, 1  # at first there is one beginning, the empty one
    state = model.start(ids, lengths)
    place = torch.arange(len(ids), device=_device(state)).unsqueeze(1)  # (batch, 1)
    texts = torch.full((len(ids), width, 1), BOS, device=place.device)  # (batch, width, 1 + steps)
    log_p = torch.zeros(len(ids), width, device=place.device)
    size, ended = torch.zeros_like(log_p), torch.zeros_like(log_p, dtype=torch.bool)
    for n in range(1, max_length + 1):
        more, state = model.step(texts[:, :, -1].flatten(), state)
        more = more.to(log_p).view(len(ids), width, -1)
        stay = torch.full_like(more, -math.inf)
        stay[:, :, PAD] = 0  # what has ended goes on as it is
        size = size.masked_fill(~ended, n)
        total = log_p.unsqueeze(2) + torch.where(ended.unsqueeze(2), stay, more)  # (batch, width, tokens)
        judged = total / ((5 + size.unsqueeze(2)) / 6) ** power
        before, width = width, min(most, max((judged > -math.inf).sum((1, 2)).tolist(), default=0))
        best = judged.flatten(1).topk(width).indices  # (batch, width)
        parent, token = best // total.shape[2], best % total.shape[2]
        log_p = total.flatten(1).gather(1, best)
        size, ended = size.gather(1, parent), ended.gather(1, parent) | (token == EOS)
        texts = torch.cat([texts.take_along_dim(parent.unsqueeze(2), 1), token.unsqueeze(2)], 2)
        state = _rows(state, (parent + before * place).flatten())
        if (ended | log_p.isinf()).all():
            break
    return [
        [(text[1 : int(n) + 1 - done], p) for text, n, done, p in zip(*parts, strict=True) if p > -math.inf]
        for parts in zip(texts.tolist(), size.tolist(), ended.tolist(), log_p.tolist(), strict=True)
    ]


def _device(state: State) -> torch.device:
    """Where the model works: the ids may lie elsewhere."""
    return next(iter(state.values())).device


def _rows(state: State, which: Tensor) -> State:
    return {name: part[which] for name, part in state.items()}
