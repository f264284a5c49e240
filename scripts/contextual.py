"""Train the two small language models of the chapter on contextual vectors: python scripts/contextual.py [--steps N].

    python scripts/contextual.py --again

trains no new models for the chapter: it measures again what the chapter reads of counting, of the company of
skip-gram's vectors, and of BiLMs from other seeds, in some ten minutes.

Writes src/scratch/data/contextual.npz (both models in half precision, with their vocabulary), its record in the
manifest, and the log, src/scratch/results/contextual.json. It takes some forty minutes on one thread. The text is the
shipped English corpus without the sentences of senses.tsv and the held-out ones (scratch.contextual.held_out).
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import data
import numpy as np
import torch
from torch import Tensor, nn

from scratch import word2vec
from scratch.contextual import BiLM, MaskedLM, held_out, mask_tokens
from scratch.corpora import load, load_senses
from scratch.ngram import KneserNey
from scratch.text import Vocabulary, mask, pad

ROOT = Path(__file__).parents[1]
DATA, LOG = ROOT / "src" / "scratch" / "data", ROOT / "src" / "scratch" / "results" / "contextual.json"
WORDS, DIM, LAYERS, HEADS = 5000, 128, 3, 4  # the biLM has 2 layers, as ELMo
LONGEST = 60  # words of a sentence that are read
TOKENS = 2048  # of a batch, padding included
STEPS = {"bilm": 2500, "masked": 3500}
RATE, WARM_UP = 3e-3, 200
DRAWN = 1024  # words that stand for the vocabulary in the softmax of the biLM, in training only


def batches(lengths: list[int], generator: torch.Generator):
    """For ever: the numbers of examples of similar length, in random order, so many that they fill TOKENS."""
    while True:
        order = torch.randperm(len(lengths), generator=generator).tolist()
        order.sort(key=lambda i: lengths[i])  # stable: equal lengths stay shuffled
        found, batch = [], list[int]()
        for i in order:
            if batch and lengths[i] * (len(batch) + 1) > TOKENS:
                found.append(batch)
                batch = []
            batch.append(i)
        found.append(batch)
        for j in torch.randperm(len(found), generator=generator).tolist():
            yield found[j]


def drawn_loss(states: Tensor, words: Tensor, model: BiLM, weights: Tensor, generator: torch.Generator) -> Tensor:
    """Cross-entropy whose sum over all other words is estimated, without bias, from DRAWN words."""
    others = torch.multinomial(weights, DRAWN, replacement=True, generator=generator)  # (k,)
    true = (states * model.table(words)).sum(1) + model.bias[words]  # (n,)
    false = states @ model.table(others).T + model.bias[others]  # (n, k)
    false = false - (DRAWN * weights[others] / weights.sum()).log()
    false = false.masked_fill(words.unsqueeze(1) == others, -torch.inf)
    return (torch.cat([true.unsqueeze(1), false], 1).logsumexp(1) - true).mean()


def bilm_loss(model: BiLM, text: list[list[int]], batch: list[int], weights: Tensor, generator) -> Tensor:
    """The mean of both directions, estimated."""
    ids, lengths = pad([text[i] for i in batch])
    ahead, back = model.layers(ids, lengths)[-1].chunk(2, 2)
    pair = mask(lengths)[:, 1:]
    return (
        drawn_loss(ahead[:, :-1][pair], ids[:, 1:][pair], model, weights, generator)
        + drawn_loss(back[:, 1:][pair], ids[:, :-1][pair], model, weights, generator)
    ) / 2


def masked_loss(model: MaskedLM, text: list[list[int]], batch: list[int], generator) -> Tensor:
    """Half of the examples are two sentences that follow each other, the second in segment 1."""
    both = torch.rand(len(batch), generator=generator) < 0.5
    pairs = [text[i + 1][1:] if two and i + 1 < len(text) else [] for i, two in zip(batch, both, strict=True)]
    ids, lengths = pad([text[i] + second for i, second in zip(batch, pairs, strict=True)])
    first = torch.tensor([len(text[i]) for i in batch])
    segments = (~mask(first, ids.shape[1])).long()
    inputs, labels = mask_tokens(ids, len(model.bias) - 1, generator)
    return model.losses(inputs, lengths, labels, segments).mean()


@torch.no_grad()
def started(model, counts: Tensor):
    """The model, in which words are now as likely as they are frequent."""
    model.bias.copy_((counts / counts.sum()).log()[: len(model.bias)])
    return model


@torch.no_grad()
def evaluate(model: BiLM | MaskedLM, text: list[list[int]]) -> dict[str, float]:
    """The mean loss on held-out sentences, all words of the vocabulary in the softmax."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, list[Tensor]] = {}
    for i in range(0, len(text), 100):
        ids, lengths = pad(text[i : i + 100])
        if isinstance(model, BiLM):
            ahead, back = model.losses(ids, lengths)
            found.setdefault("forward", []).append(ahead)
            found.setdefault("backward", []).append(back)
        else:
            inputs, labels = mask_tokens(ids, len(model.bias) - 1, generator)
            found.setdefault("masked", []).append(model.losses(inputs, lengths, labels))
    return {name: round(torch.cat(losses).mean().item(), 4) for name, losses in found.items()}


def train(name: str, model: BiLM | MaskedLM, text, held, weights: Tensor, steps: int, seed: int = 0) -> list[dict]:
    """Train one of the two models, and return ten rows of its log."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    order = batches([len(s) for s in text], generator)
    start, seen, losses, log = time.process_time(), 0, [], []
    for step in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = RATE * min(step / WARM_UP, (steps - step + 1) / (steps - WARM_UP + 1), 1)
        batch = next(order)
        seen += sum(len(text[i]) for i in batch)
        if isinstance(model, BiLM):
            loss = bilm_loss(model, text, batch, weights, generator)
        else:
            loss = masked_loss(model, text, batch, generator)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % (steps // 10) == 0:
            row = {"step": step, "tokens": seen, "training": round(float(np.mean(losses)), 4)}
            log.append(row | evaluate(model, held[:1000]))
            losses.clear()
            print(name, log[-1], f"{time.process_time() - start:.0f} s", flush=True)
    return log


def counting(text: list[list[int]], held: list[list[int]], size: int) -> dict[str, float]:
    """The held-out loss of counting: n-grams of one to five words, forward, and from the end of each sentence."""
    turned, held_turned = ([s[::-1] for s in part] for part in (text, held))
    found = {}
    for n in range(1, 6):
        found[f"{n}-gram forward"] = KneserNey(text, n, size).losses(held).mean()
        found[f"{n}-gram backward"] = KneserNey(turned, n, size).losses(held_turned).mean()
    return {name: round(float(loss), 4) for name, loss in found.items()}


def rights(vectors: np.ndarray) -> str:
    """Of each labelled use, in order: 1 if the nearest other use of its word, by cosine, has its sense, else 0."""
    words = np.array([word for word, *_ in load_senses()])
    senses = np.array([f"{word} {sense}" for word, sense, *_ in load_senses()])
    same_word = (words[:, None] == words) & ~np.eye(len(words), dtype=bool)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    nearest = np.where(same_word, unit @ unit.T, -2).argmax(1)
    return "".join("01"[int(right)] for right in senses[nearest] == senses)


def companies(read: list[list[str]], vocabulary: Vocabulary) -> list[dict]:
    """How well the mean of skip-gram's vectors of the rest of the sentence tells the senses, by width and seed."""
    found, frequent = [], set(vocabulary.tokens[:104])
    for dim in (32, 64, 128, 256):
        for seed in range(5):
            rows = word2vec.train(read, dim=dim, epochs=3, seed=seed)
            means = np.zeros((len(load_senses()), dim))
            for i, (word, _, _, s) in enumerate(load_senses()):
                own = s.index(word)
                rest = [t for j, t in enumerate(s) if j != own and t in rows and t not in frequent]
                if rest:
                    means[i] = np.mean([rows[t] for t in rest], 0)
            found.append({"dim": dim, "seed": seed, "right": rights(means)})
    return found


@torch.no_grad()
def uses(model: BiLM, vocabulary: Vocabulary) -> list[str]:
    """How well each layer's vectors of the labelled uses tell the senses."""
    ids, lengths = pad(encoded([tokens for *_, tokens in load_senses()], vocabulary))
    own = torch.tensor([tokens.index(word) + 1 for word, *_, tokens in load_senses()])  # after <bos>
    layers = model.double().layers(ids, lengths)[:, torch.arange(len(ids)), own]
    return [rights(layer.numpy()) for layer in layers]


def encoded(sentences: Iterable[list[str]], vocabulary: Vocabulary) -> list[list[int]]:
    """The ids of each sentence, between the tokens for its beginning and its end."""
    return [[vocabulary.bos_id, *vocabulary.encode(s[:LONGEST]), vocabulary.eos_id] for s in sentences]


def held_out_text(vocabulary: Vocabulary) -> list[list[int]]:
    """A thousand held-out sentences, from all over the corpus."""
    labelled = {tuple(tokens) for *_, tokens in load_senses()}
    held = [s for s in load("english") if held_out(s) and tuple(s) not in labelled]
    return encoded(held[:: len(held) // 1000][:1000], vocabulary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="of each model, in place of the usual number: nothing is written")
    parser.add_argument("--again", action="store_true", help="only counting, the company and other seeds")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    labelled = {tuple(tokens) for *_, tokens in load_senses()}
    read = [s for s in load("english") if not held_out(s) and tuple(s) not in labelled]
    vocabulary = Vocabulary.from_tokens((word for s in read for word in s), max_size=WORDS)
    text, held = encoded(read, vocabulary), held_out_text(vocabulary)
    counts = torch.bincount(torch.tensor([i for s in text for i in s]), minlength=len(vocabulary) + 1)  # (V + 1,)
    counts = counts.clamp(min=0.5)  # for <pad>, and for the token that hides a word

    if arguments.again:
        log = json.loads(LOG.read_text("utf-8"))
        log |= {"baselines": counting(text, held, len(vocabulary)), "company": companies(read, vocabulary)}
        log["other seeds"] = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            model = started(BiLM(len(vocabulary), DIM), counts)
            train("bilm", model, text, held, counts[:-1] ** 0.75, STEPS["bilm"], seed)
            row = {"seed": seed, "loss": evaluate(model, held), "right": uses(model, vocabulary)}
            log["other seeds"].append(row)
        LOG.write_text(json.dumps(log, indent=1) + "\n", "utf-8")
        return

    log = {"threads": torch.get_num_threads(), "processor": platform.machine(), "torch": torch.__version__}
    arrays: dict[str, Any] = {
        "words": np.frombuffer("\n".join(vocabulary.counts).encode(), np.uint8),
        "counts": np.array(list(vocabulary.counts.values()), np.int32),
    }
    models: dict[str, BiLM | MaskedLM] = {
        "bilm": BiLM(len(vocabulary), DIM),
        "masked": MaskedLM(len(vocabulary) + 1, DIM, LAYERS, HEADS),
    }
    for name, model in models.items():
        start = time.process_time()
        started(model, counts)
        rows = train(name, model, text, held, counts[:-1] ** 0.75, arguments.steps or STEPS[name])
        half = {f"{name}.{key}": weight.half() for key, weight in model.state_dict().items()}
        model.load_state_dict({key.removeprefix(f"{name}."): weight.float() for key, weight in half.items()})
        parameters = sum(weight.numel() for weight in half.values())
        log[name] = {"parameters": parameters, "seconds": round(time.process_time() - start), "training": rows}
        log[name] |= {"as shipped": evaluate(model, held)}
        arrays |= {key: weight.numpy() for key, weight in half.items()}
    print(json.dumps(log, indent=1))
    if arguments.steps:
        return
    with io.BytesIO() as buffer:
        np.savez_compressed(buffer, **arrays)
        (DATA / "contextual.npz").write_bytes(buffer.getvalue())
    data.register()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text(json.dumps(log, indent=1) + "\n", "utf-8")  # --again adds the rest


if __name__ == "__main__":
    main()
