"""A word's vector in its sentence: a bidirectional LSTM language model (ELMo) and a masked one (BERT), both small."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scratch import corpora
from scratch._arguments import at_least, at_least_1, ids_below, integers, lengths_within, readable, share_of_1
from scratch.text import Vocabulary, mask


class BiLM(nn.Module):
    """Two LSTM language models, one reading forward, one backward, that share the table of words and nothing else.

    The layout of ELMo (Peters et al. 2018, arXiv 1802.05365, section 3.1), with a table of words where ELMo has
    character convolutions. The table also scores the guesses. Raises TypeError or ValueError for a bad size.

    >>> model = BiLM(vocab_size=9, dim=4)
    >>> model.layers(torch.tensor([[2, 5, 3]]), torch.tensor([3])).shape  # (layers + 1, batch, length, 2 * dim)
    torch.Size([3, 1, 3, 8])
    """

    def __init__(self, vocab_size: int, dim: int, num_layers: int = 2):
        super().__init__()
        vocab_size, dim = at_least_1("vocab_size", vocab_size), at_least_1("dim", dim)
        directions = [[nn.LSTM(dim, dim, batch_first=True) for _ in range(at_least_1("num_layers", num_layers))]]
        directions += [[nn.LSTM(dim, dim, batch_first=True) for _ in directions[0]]]
        self.table = _table(vocab_size, dim)  # (V, d)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.ahead, self.back = map(nn.ModuleList, directions)

    def layers(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Every place's vectors: the table's, twice, then each layer's states, forward and backward side by side.

        ids (batch, length), lengths (batch,) -> (layers + 1, batch, length, 2 * dim). Above the table, the first half
        knows the words up to and with its own, the second half its own and those after. Zeros at padded places.
        Raises IndexError for an id outside the vocabulary, ValueError for a length below 1 or above the width.
        """
        ids, lengths, inside = _batch(ids, lengths, len(self.bias))  # (batch, length), (batch,), (batch, length)
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)  # (batch, length)
        turned = torch.where(inside, lengths.unsqueeze(1) - 1 - places, places).unsqueeze(2)  # padding stays at the end
        words = self.table(ids)  # (batch, length, d)
        turned = turned.expand_as(words)
        ahead = _climb(self.ahead, words)
        back = [states.gather(1, turned) for states in _climb(self.back, words.gather(1, turned))]
        both = [torch.cat(pair, 2) for pair in zip(ahead, back, strict=True)]  # (batch, length, 2 * d) each
        return torch.stack(both) * inside.unsqueeze(2)

    def scores(self, states: Tensor) -> Tensor:
        """states (..., dim) of one direction's last layer -> (..., V): softmax makes them probabilities."""
        return states @ self.table.weight.T + self.bias

    def losses(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The surprise -ln p at each next word, and at each word before: two tensors (n,), one entry a guess."""
        ids, lengths, inside = _batch(ids, lengths, len(self.bias))
        ahead, back = self.layers(ids, lengths)[-1].chunk(2, 2)  # (batch, length, d) each
        pair = inside[:, 1:]  # (batch, length - 1): a word that has one before it
        next_words = nn.functional.cross_entropy(self.scores(ahead[:, :-1][pair]), ids[:, 1:][pair], reduction="none")
        words_before = nn.functional.cross_entropy(self.scores(back[:, 1:][pair]), ids[:, :-1][pair], reduction="none")
        return next_words, words_before


class MaskedLM(nn.Module):
    """A Transformer encoder that guesses hidden words from both sides at once.

    The input is BERT's (Devlin et al. 2019, arXiv 1810.04805): token + segment + position, normalised. Each block
    normalises before attention, where BERT does so after it, which spares small models a careful start. The last id of
    the vocabulary, `mask_id`, is the token that hides a word. Raises TypeError or ValueError for a bad size.

    >>> model = MaskedLM(vocab_size=10, dim=8, num_layers=2, heads=2)
    >>> model.mask_id, model.layers(torch.tensor([[2, 9, 3]]), torch.tensor([3])).shape
    (9, torch.Size([3, 1, 3, 8]))
    """

    def __init__(self, vocab_size: int, dim: int, num_layers: int, heads: int, max_length: int = 128):
        super().__init__()
        self.mask_id = at_least_1("vocab_size", vocab_size) - 1
        if at_least_1("dim", dim) % at_least_1("heads", heads):
            raise ValueError(f"heads must divide dim = {dim}, got {heads}")
        self.token, self.segment = _table(vocab_size, dim), _table(2, dim)
        self.position = _table(at_least_1("max_length", max_length), dim)
        self.norm, self.last_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
            for _ in range(at_least_1("num_layers", num_layers))
        )
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def layers(self, ids: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """Every place's vectors: the input's, then each block's.

        ids (batch, length), lengths (batch,), segments (batch, length) of 0 and 1, all 0 if there is none ->
        (layers + 1, batch, length, dim). Zeros at padded places. Raises IndexError for an id outside the vocabulary,
        ValueError for a length below 1 or above the width, a segment that is not 0 or 1, or for more places than there
        are positions.
        """
        ids, lengths, inside = _batch(ids, lengths, len(self.bias))  # (batch, length), (batch,), (batch, length)
        if ids.shape[1] > len(self.position.weight):
            raise ValueError(f"ids must have at most {len(self.position.weight)} places, got {ids.shape[1]}")
        segments = torch.zeros_like(ids) if segments is None else _segments(segments, ids)
        places = torch.arange(ids.shape[1], device=ids.device)  # (length,)
        found = [self.norm(self.token(ids) + self.segment(segments) + self.position(places))]  # (batch, length, d)
        for block in self.blocks:
            found.append(block(found[-1], src_key_padding_mask=~inside))  # torch's mask is True where nobody may look
        return torch.stack(found) * inside.unsqueeze(2)

    def scores(self, states: Tensor) -> Tensor:
        """states (..., dim) of the last layer -> (..., V): softmax makes them probabilities."""
        return self.last_norm(states) @ self.token.weight.T + self.bias

    def losses(self, inputs: Tensor, lengths: Tensor, labels: Tensor, segments: Tensor | None = None) -> Tensor:
        """The surprise -ln p at the words that were chosen: labels (batch, length), -1 elsewhere -> (n,)."""
        inputs, lengths, _ = _batch(inputs, lengths, len(self.bias))
        labels = ids_below("labels", labels, len(self.bias), least=-1).to(inputs.device)
        if labels.shape != inputs.shape:
            raise ValueError(f"labels must have the shape {tuple(inputs.shape)} of inputs, got {tuple(labels.shape)}")
        chosen = labels >= 0
        states = self.layers(inputs, lengths, segments)[-1][chosen]  # (n, d)
        return nn.functional.cross_entropy(self.scores(states), labels[chosen], reduction="none")


def mask_tokens(ids: Tensor, mask_id: int, generator: torch.Generator, share: float = 0.15) -> tuple[Tensor, Tensor]:
    """Choose words for a masked language model to guess, and hide most of them (Devlin et al. 2019, appendix A.1).

    ids (batch, length). Each word, special tokens excepted, is chosen with probability `share`. A chosen one becomes
    `mask_id`, which comes after all words, with probability 0.8, a random word with 0.1, and else stays. Returns the
    inputs (batch, length) and the labels (batch, length): the word that was chosen, -1 elsewhere. Both are int64, and
    on the device of `ids`, whatever the generator's is. Raises TypeError for a wrong type, IndexError for an id above
    `mask_id`, ValueError if `share` is not between 0 and 1 or if there are no words below `mask_id`.

    >>> mask_tokens(torch.tensor([[2, 5, 6, 3, 0]]), mask_id=9, generator=torch.Generator(), share=1.0)[1]
    tensor([[-1,  5,  6, -1, -1]])
    """
    share_of_1("share", share)
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    specials = len(Vocabulary.SPECIALS)
    mask_id = at_least("mask_id", mask_id, specials + 1)
    ids = ids_below("ids", ids, mask_id + 1)
    luck, fate = (torch.rand(ids.shape, generator=generator, device=generator.device).to(ids.device) for _ in range(2))
    others = torch.randint(specials, mask_id, ids.shape, generator=generator, device=generator.device).to(ids.device)
    chosen = (ids >= specials) & (luck < share)
    inputs = torch.where(fate < 0.8, mask_id, torch.where(fate < 0.9, others, ids))
    return torch.where(chosen, inputs, ids), torch.where(chosen, ids, -1)


class LayerMix(nn.Module):
    """A learned mean of the layers: gamma times the sum of s_j h_j, s = softmax(weights) (Peters et al. 2018, eq. 1).

    >>> LayerMix(2)(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))  # untrained, it is the plain mean
    tensor([2., 4.], grad_fn=<MulBackward0>)
    """

    def __init__(self, count: int):
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(at_least_1("count", count)))
        self.gamma = nn.Parameter(torch.ones(()))

    def forward(self, layers: Tensor) -> Tensor:
        """layers (count, ..., dim) -> (..., dim). Raises ValueError for another count, TypeError for no tensor."""
        if not isinstance(layers, Tensor):
            raise TypeError(f"layers must be a tensor (count, ..., dim), got {type(layers).__name__}")
        if len(layers) != len(self.weights):
            raise ValueError(f"layers must be {len(self.weights)}, got {len(layers)}")
        return self.gamma * torch.einsum("j,j...->...", self.weights.softmax(0), layers)


def pretrained() -> tuple[BiLM, MaskedLM, Vocabulary]:
    """The two models that scripts/contextual.py has trained, in single precision, with their vocabulary.

    The masked model has one token more than the vocabulary, its last. Raises OSError if the shipped file is damaged.
    """
    arrays = corpora.load_arrays("contextual")
    words = bytes(arrays.pop("words")).decode().split("\n")
    vocabulary = Vocabulary(dict(zip(words, arrays.pop("counts").tolist(), strict=True)))
    states = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
    bilm, masked = BiLM(len(vocabulary), 128), MaskedLM(len(vocabulary) + 1, 128, num_layers=3, heads=4)
    for prefix, model in (("bilm.", bilm), ("masked.", masked)):
        model.load_state_dict({n.removeprefix(prefix): x for n, x in states.items() if n.startswith(prefix)})
        model.eval()
    return bilm, masked, vocabulary


def held_out(sentence: Sequence[str]) -> bool:
    """Whether the models of `pretrained` have not been trained on this sentence: one in fifty, by its checksum.

    >>> held_out("the state of the union is strong".split())
    False
    """
    return zlib.crc32(" ".join(sentence).encode()) % 50 == 0


def _table(count: int, dim: int) -> nn.Embedding:
    """A table whose rows have a length of about 1."""
    table = nn.Embedding(count, dim)
    nn.init.normal_(table.weight, std=dim**-0.5)
    return table


def _climb(lstms: nn.ModuleList, words: Tensor) -> list[Tensor]:
    """words (batch, length, d) and each layer's states; a layer above the first adds what it was given, as ELMo's."""
    found = [words]
    for lstm in lstms:
        states, _ = lstm(found[-1])
        found.append(states if len(found) == 1 else states + found[-1])
    return found


def _batch(ids: Tensor, lengths: Tensor, vocab_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ids (batch, length) and lengths (batch,), checked and on one device, and the mask (batch, length)."""
    ids = ids_below("ids", ids, vocab_size)
    if ids.ndim != 2:
        raise ValueError(f"ids must have the shape (batch, length), got {tuple(ids.shape)}")
    batch, width = ids.shape
    lengths = lengths_within(lengths, width, batch).to(ids.device)
    return ids, lengths, mask(lengths, width)


def _segments(segments: Tensor, ids: Tensor) -> Tensor:
    """The segments (batch, length), each 0 or 1, on the ids' device."""
    segments = integers("segments", segments)
    if segments.shape != ids.shape:
        raise ValueError(f"segments must have the shape {tuple(ids.shape)} of ids, got {tuple(segments.shape)}")
    if readable(segments) and len(others := segments[(segments != 0) & (segments != 1)]):
        raise ValueError(f"segments must be 0 or 1, got {others[0]}")
    return segments.to(ids.device)
