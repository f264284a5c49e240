"""What the benchmarks of networks that write have in common: pairs as ids, batches, training by time or by steps."""

from __future__ import annotations

import base64
import lzma
import random
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import mean, median

import torch
from torch import Tensor, nn

from scratch.copying import CopyingEncoderDecoder, encode
from scratch.decoder import EncoderDecoder, TransformerDecoder
from scratch.text import Vocabulary, pad

BATCH, WARMUP, CLIP = 32, 0.05, 5.0  # pairs a step; a share of the time; of the gradient's norm
SMALL = 0.1  # the deviation of an LSTM's random rows


class Pairs:
    """Pairs of tokens as ids, in one numbering: first what the targets are made of, then the sources' rest.

    pairs: what is learnt from, a source's tokens and its target's; often: how many times a token must be seen.
    """

    def __init__(self, pairs: Sequence[tuple[list[str], list[str]]], often: int):
        self.pairs = pairs
        source = Vocabulary.from_tokens((token for tokens, _ in pairs for token in tokens), often)
        target = Vocabulary.from_tokens((token for _, tokens in pairs for token in tokens), often)
        rest = {token: n for token, n in source.counts.items() if token not in target}
        self.vocabulary, self.written = Vocabulary(target.counts | rest), len(target)

    def rows(self, copies: bool) -> list[tuple[list[int], list[int]]]:
        """The pairs as ids of source and target; without copies, all that is not written is `<unk>`."""
        rows = []
        for source, target in self.pairs:
            ids, others = encode(self.vocabulary, source)
            wanted, _ = encode(self.vocabulary, target, others)
            can = {*range(self.written), *(ids if copies else ())}
            rows.append((self.known(ids, copies), [i if i in can else Vocabulary.unk_id for i in wanted]))
        return rows

    def known(self, ids: list[int], copies: bool) -> list[int]:
        """A source's ids, as a model that copies or one that does not reads them."""
        return ids if copies else [i if i < len(self.vocabulary) else Vocabulary.unk_id for i in ids]


def batches(rows: list, rng: random.Random, bucketed: bool = True) -> Iterator[tuple[Tensor, ...]]:
    """Without end: sources, their lengths, what stands before each guess, and what is right."""
    while True:
        order = sorted(range(len(rows)), key=lambda i: (len(rows[i][0]), len(rows[i][1]), rng.random()))
        if not bucketed:
            rng.shuffle(order)
        parts = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        rng.shuffle(parts)
        for part in parts:
            targets = [rows[i][1] for i in part]
            before, after = ([[2, *t] for t in targets], [[*t, 3] for t in targets])
            yield *pad([rows[i][0] for i in part]), pad(before)[0], pad(after)[0]


def surprise(model: EncoderDecoder, ids: Tensor, lengths: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """The mean of -ln p over the tokens of a batch."""
    if isinstance(model, CopyingEncoderDecoder):
        return -model.log_p(ids, lengths, before, after)[after > 0].mean()
    return nn.functional.cross_entropy(model(ids, lengths, before).flatten(0, 1), after.flatten(), ignore_index=0)


def fitted(
    model: EncoderDecoder,
    rows: list,
    loss: Callable[..., Tensor],
    rate: float,
    seed: int,
    limit: dict,
    average: float,
    bucketed: bool = True,
) -> dict:
    """Train a model for so many "seconds" of processor time or "steps", by `loss(model, *batch)`; return how it went.

    Adam, whose step size falls from `rate` to 0; afterwards the weights are what they were on the average, in which
    those of a step ago count `average`.
    """
    weights = list(model.parameters())
    averaged = [w.detach().clone() for w in weights]
    optimizer = torch.optim.Adam(weights, lr=rate, fused=True)
    start, losses = time.process_time(), []
    for batch in batches(rows, random.Random(seed), bucketed):
        done, whole = (len(losses), "steps") if "steps" in limit else (time.process_time() - start, "seconds")
        share = done / limit[whole]
        if share >= 1:
            break
        optimizer.param_groups[0]["lr"] = rate * min(1.0, share / WARMUP + 1e-3) * (1 - share)
        value = loss(model, *batch)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()
        keep = min(average, (1 + len(losses)) / (10 + len(losses)))
        torch._foreach_lerp_(averaged, [w.data for w in weights], 1 - keep)
        losses.append(value.item())
    for weight, value in zip(weights, averaged, strict=True):
        weight.data = value
    model.eval()
    return {
        "parameters": sum(w.numel() for w in weights),
        "steps": len(losses),
        "epochs": round(len(losses) * BATCH / len(rows), 1),
        "loss": round(mean(losses[-100:]), 3) if losses else None,
    }


def paces(trainings: Sequence[Callable[[int, int], object]], rounds: int = 9, steps: int = 50) -> list[float]:
    """How long each of `training(steps, seed)` takes, in units of the first one: the median of rounds, taken in turns.

    What slows the machine down slows all in a round down, so that these numbers hold on a busy one, too.
    """
    taken = []
    for seed in range(rounds):
        row = []
        for training in trainings:
            start = time.process_time()
            training(steps, seed)
            row.append(time.process_time() - start)
        taken.append([seconds / row[0] for seconds in row])
    return [median(column) for column in zip(*taken, strict=True)]


def begin(model: EncoderDecoder) -> None:
    """Random rows of an LSTM's words small, layers beside it large: it learns several times sooner.

    A word that is seldom seen stays near zero, and so disturbs little; and what is found reaches the guess at once.
    """
    for part in (model.encoder, model.decoder):
        if hasattr(part, "embedding"):
            part.embedding.weight.data *= SMALL
    if not isinstance(model.decoder, TransformerDecoder):
        for layer in model.decoder.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="tanh")


def packed(texts: list[str]) -> str:
    """Texts as a row keeps them, in some twelve thousand characters."""
    return base64.b85encode(lzma.compress("\n".join(texts).encode(), preset=9)).decode()


def texts(row: dict, which: str = "texts") -> list[str]:
    """The texts that a row holds."""
    return lzma.decompress(base64.b85decode(row[which])).decode().split("\n")
