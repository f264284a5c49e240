"""A trainer for texts of any size, in one process or several: a language model, checkpoints, a log.

    python -m scratch.pretrain text8 runs/small
    torchrun --nproc-per-node 2 -m scratch.pretrain books/ runs/large --model transformer --dim 256

The text is a file, or a folder of files, of UTF-8. It is cut once (`scratch.stream`) and then read in place. A run that
was stopped, in whatever way, goes on from its last checkpoint when the same command is given again, and its losses are
those of a run that was not: what is drawn at a step depends on the seed and the step alone. With torchrun's rendezvous
the processes may stand on several hosts; each cuts its own copy of the text, unless they share the folder of the run.
The folder holds tokens.json and tokens.bin, checkpoint.pt and log.jsonl. `load` makes an encoder of it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.rendezvous import rendezvous
from tqdm import tqdm

from scratch._arguments import at_least, at_least_1, positive, seed_value, share_below_1
from scratch.corpora import fetch
from scratch.distributed import DataParallel, fresh, must_agree
from scratch.encoder import Encoder, TransformerEncoder
from scratch.language_model import Bag, Causal, LanguageModel, Masked, NextWord, SkipGram
from scratch.stream import SPECIALS, Tokens, saying, whole
from scratch.text import pad
from scratch.training import pace

if TYPE_CHECKING:
    from gensim.models import KeyedVectors
    from matplotlib.axes import Axes

HELD_OUT = 64  # rows at the end of the text by which a model is judged
CLIP = 1.0  # the norm of the gradient at most


@dataclass(frozen=True)
class Settings:
    """What a run is: with the same text and settings it has the same losses, to the digit in one process."""

    model: str = "lstm"
    vocab_size: int = 8192
    dim: int = 128
    layers: int = 2
    heads: int = 4
    length: int = 64  # tokens a row
    batch: int = 32  # rows a step, in all processes together
    steps: int = 1000
    learning_rate: float = 0.003
    warmup: int = 100
    dropout: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {self.model!r}")
        if self.dropout and self.model not in ("transformer", "causal"):
            raise ValueError(f"dropout must be 0 for the model {self.model!r}, which has none, got {self.dropout}")
        for name in ("dim", "layers", "heads", "batch", "steps"):
            at_least_1(name, getattr(self, name))
        at_least("vocab_size", self.vocab_size, SPECIALS + 256 + 1)
        at_least("length", self.length, 2)
        at_least("warmup", self.warmup, 0)
        positive("learning_rate", self.learning_rate)
        share_below_1("dropout", self.dropout)
        seed_value("seed", self.seed)


def _recurrent(settings: Settings, vocab_size: int, ways: int) -> LanguageModel:
    if settings.dim % ways:
        raise ValueError(f"dim must be even for a model that reads both ways, got {settings.dim}")
    encoder = Encoder(vocab_size, settings.dim, settings.dim // ways, settings.layers, bidirectional=ways == 2)
    with torch.no_grad():
        encoder.embedding.weight.mul_(settings.dim**-0.5)  # rows of a length of about 1, since they score guesses too
    return (NextWord if ways == 1 else Masked)(encoder, encoder.embedding)


def _transformer(settings: Settings, vocab_size: int, kind: type[TransformerEncoder]) -> LanguageModel:
    shape = vocab_size, settings.dim, settings.layers, settings.heads
    encoder = kind(*shape, max_length=max(settings.length, 512), dropout=settings.dropout, norm_first=True)
    return (NextWord if kind is Causal else Masked)(encoder, encoder.input.token)


def _skip_gram(settings: Settings, vocab_size: int, tokens: Tokens) -> LanguageModel:
    return SkipGram(Bag(vocab_size, settings.dim), nn.Embedding(vocab_size, settings.dim), tokens.counts)


MODELS: dict[str, Callable[[Settings, Tokens], LanguageModel]] = {  # by the name that --model takes
    "lstm": lambda settings, tokens: _recurrent(settings, tokens.vocab_size, 1),  # reads on, guesses the next word
    "bilstm": lambda settings, tokens: _recurrent(settings, tokens.vocab_size + 1, 2),  # guesses hidden words
    "transformer": lambda settings, tokens: _transformer(settings, tokens.vocab_size + 1, TransformerEncoder),
    "causal": lambda settings, tokens: _transformer(settings, tokens.vocab_size, Causal),  # the next word
    "skip-gram": lambda settings, tokens: _skip_gram(settings, tokens.vocab_size, tokens),
}


def pretrain(
    text: str | os.PathLike,
    run: str | os.PathLike,
    settings: Settings | None = None,
    *,
    save_every: int = 100,
    progress: bool = False,
) -> list[float]:
    """Train a language model on a text, in the folder `run`, from where the folder's checkpoint is.

    Under torchrun each process calls it; without, it is one process. Every `save_every` steps the model is judged on
    the end of the text, which it does not learn from, and kept. Returns the loss of each step that was taken.

    Raises ValueError for a bad setting, a text that is empty, too short or no UTF-8, and for a folder that holds
    another text, other settings or a damaged checkpoint; OSError if the disk is full. What the folder held stays.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> written = (folder / "text").write_text("the state of the union is strong " * 200)
    >>> losses = pretrain(folder / "text", folder / "run", Settings(vocab_size=300, dim=8, steps=3), save_every=3)
    >>> load(folder / "run").vectors(["the union", "strong"]).shape, len(read_log(folder / "run"))
    (torch.Size([2, 8]), 3)
    """
    settings, run, save_every = settings or Settings(), Path(run), at_least_1("save_every", save_every)
    with _group() as device:
        rank, processes = dist.get_rank(), dist.get_world_size()
        if settings.batch < processes:
            raise ValueError(f"batch must be at least {processes}, a row for each process, got {settings.batch}")
        if int(os.environ.get("LOCAL_RANK", rank)) == 0:  # the first process of each host
            Tokens.prepare(text, run, settings.vocab_size)
        dist.barrier()
        tokens = Tokens(run)
        must_agree("text", (tokens.text, tokens.encoder.merges))
        learnt = len(tokens) - _held_out(tokens, settings) * settings.length  # tokens before those held out
        torch.manual_seed(settings.seed)
        own = MODELS[settings.model](settings, tokens).to(device)
        model = DataParallel(own)
        optimizer = torch.optim.Adam(model.trained, settings.learning_rate, fused=True)
        begin, losses, checkpoint, log = 0, [], run / "checkpoint.pt", run / "log.jsonl"
        if saved := _from_first(lambda: _read(checkpoint, settings), device):
            begin = saved["step"]
            own.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            if rank == 0 and saved["processes"] != processes:
                print(f"step {begin}: {processes} in place of {saved['processes']} processes; losses move in rounding")
        if rank == 0:
            _forget_after(begin, log)
        bar = tqdm(range(begin, settings.steps), initial=begin, total=settings.steps, disable=not progress or rank > 0)
        started, mine = time.perf_counter(), slice(rank, None, processes)
        for step in bar:
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * pace(step, settings.steps, settings.warmup)
            generator = torch.Generator().manual_seed(_mixed(settings.seed, step))
            starts = torch.randint(learnt - settings.length + 1, (settings.batch,), generator=generator)
            torch.manual_seed(_mixed(settings.seed, step, rank + 1))  # dropout: each process drops its own places
            loss, guesses = model(tokens.rows(starts, settings.length).to(device), generator, mine)
            optimizer.zero_grad()
            loss.backward()
            model.synchronize(guesses)
            nn.utils.clip_grad_norm_(model.trained, CLIP)
            optimizer.step()
            losses.append(_mean(loss, guesses))
            line = {"step": step + 1, "loss": losses[-1], "seconds": round(time.perf_counter() - started, 2)}
            last = step + 1 == settings.steps
            if last or (step + 1) % save_every == 0:
                line["held out"] = held_out(own, tokens, settings)
                bar.set_postfix(loss=f"{losses[-1]:.3f}", held_out=f"{line['held out']:.3f}")
            if rank == 0:
                with saying(log), open(log, "a", encoding="utf-8") as opened:
                    opened.write(json.dumps(line) + "\n")
                if "held out" in line:
                    state = {"model": own.state_dict(), "optimizer": optimizer.state_dict()}
                    known = {"settings": asdict(settings), "step": step + 1, "processes": processes}
                    _save(checkpoint, state | known)
        return losses


@torch.no_grad()
def held_out(model: LanguageModel, tokens: Tokens, settings: Settings) -> float:
    """The mean surprise at the guesses in the text's last rows, -ln p; every process calls it."""
    rank, processes, device = dist.get_rank(), dist.get_world_size(), model.bias.device
    rows = _held_out(tokens, settings)
    starts = len(tokens) - settings.length * torch.arange(rows, 0, -1)
    ids, generator = tokens.rows(starts, settings.length).to(device), torch.Generator().manual_seed(0)
    model.eval()
    loss, guesses = model(ids, generator, slice(rank, None, processes)) if rank < rows else (model.bias.sum() * 0, 0)
    model.train()
    return _mean(loss, guesses)


@dataclass(frozen=True)
class Pretrained:
    """What a run has learnt: an encoder, which takes the ids of `batch`, and the tokens that it knows."""

    model: LanguageModel
    tokens: Tokens
    settings: Settings

    @property
    def encoder(self) -> Encoder | TransformerEncoder | Bag:
        """One of the book's encoders, or a table: `check_encoder(run.encoder.vectors, run.tokens.vocab_size)`."""
        return self.model.encoder

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Texts -> ids (batch, length), lengths (batch,); a text's tokens beyond `length` are left out."""
        return pad([self.tokens.encode(text)[: self.settings.length] for text in texts])

    @torch.no_grad()
    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Texts -> a vector of length 1 each, (batch, dim): `vectors(questions) @ vectors(passages).T` are cosines."""
        return nn.functional.normalize(self.encoder.vectors(*self.batch(texts)), dim=1)

    def keyed_vectors(self) -> KeyedVectors:
        """The vectors of the tokens for gensim; a token that begins a word begins with a space."""
        from gensim.models import KeyedVectors

        names = [token.decode("utf-8", "backslashreplace") for token in self.tokens.encoder.tokens]
        found = KeyedVectors(self.settings.dim)
        encoder = self.model.encoder
        table = encoder.embedding if isinstance(encoder, Bag) else self.model.table
        found.add_vectors(names, table.weight[SPECIALS : SPECIALS + len(names)].detach().cpu().numpy())
        return found


def load(run: str | os.PathLike) -> Pretrained:
    """The model of a run's last checkpoint, ready for use.

    Raises FileNotFoundError if there is none, ValueError if it is damaged.
    """
    saved = _read(Path(run) / "checkpoint.pt", None)
    if saved is None:
        raise FileNotFoundError(f"run must be a folder with a checkpoint.pt, and {run} has none")
    tokens, settings = Tokens(run), Settings(**saved["settings"])
    model = MODELS[settings.model](settings, tokens)
    model.load_state_dict(saved["model"])
    return Pretrained(model.eval(), tokens, settings)


def read_log(run: str | os.PathLike) -> list[dict]:
    """What a run has noted at each step: its number, the loss, the seconds since the start, at times `held out`."""
    return _lines(Path(run) / "log.jsonl")


def plot(run: str | os.PathLike, axes: Axes | None = None) -> Axes:
    """Draw a run's losses, in training and on what was held out, over its steps."""
    import matplotlib.pyplot as plt

    lines, axes = read_log(run), axes or plt.subplots()[1]
    judged = [line for line in lines if "held out" in line]
    axes.plot([line["step"] for line in lines], [line["loss"] for line in lines], lw=0.8, label="training")
    axes.plot([line["step"] for line in judged], [line["held out"] for line in judged], "o-", label="held out")
    axes.set(xlabel="step", ylabel="surprise (nats a guess)")
    axes.legend()
    return axes


@contextmanager
def _group() -> Iterator[torch.device]:
    """The process group of torchrun, of the caller, or of this process alone; yields the device."""
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    backend = "nccl" if device.type == "cuda" else "gloo"
    ours = not dist.is_initialized()
    if ours:
        store: dist.Store = dist.HashStore()
        rank, processes = 0, 1
        if dist.is_torchelastic_launched():
            store, rank, processes = next(rendezvous("env://"))
            store = fresh(store, rank, processes)
        wait = timedelta(days=2)  # while the first process of a host cuts the text
        dist.init_process_group(backend, store=store, rank=rank, world_size=processes, timeout=wait)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        yield device
    finally:
        if ours:
            dist.destroy_process_group()


def _from_first(work: Callable, device: torch.device):
    """What `work` returns to the process of rank 0, in all processes."""
    box = [work() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(box, src=0, device=device)
    return box[0]


def _mean(loss: Tensor, guesses: int) -> float:
    """The mean over all guesses of all processes."""
    sums = torch.tensor([loss.item() * guesses, guesses], dtype=torch.float64, device=loss.device)
    dist.all_reduce(sums)
    return (sums[0] / sums[1]).item()


def _mixed(*numbers: int) -> int:
    """A seed made of several numbers."""
    return int.from_bytes(hashlib.sha256(repr(numbers).encode()).digest()[:8], "big")


def _held_out(tokens: Tokens, settings: Settings) -> int:
    """How many rows of the text's end are held out: HELD_OUT, and a twentieth of a short text."""
    if rows := min(HELD_OUT, len(tokens) // (20 * settings.length)):
        return rows
    raise ValueError(
        f"text must have at least {20 * settings.length} tokens for rows of {settings.length}, got {len(tokens)}"
    )


def _read(checkpoint: Path, settings: Settings | None) -> dict | None:
    """What a checkpoint holds, None if there is none. ValueError if it is damaged or was made with other settings."""
    if not checkpoint.exists():
        return None
    try:
        with zipfile.ZipFile(checkpoint) as archive:  # torch.load alone lets some damage pass
            damaged = archive.testzip() is not None
    except zipfile.BadZipFile:
        damaged = True
    if damaged:
        raise ValueError(f"{checkpoint} is damaged, and nothing was changed: remove it to begin anew")
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for name, value in asdict(settings).items() if settings else ():
        if value != saved["settings"][name]:
            raise ValueError(f"{name} must be {saved['settings'][name]}, as in {checkpoint}, got {value}")
    return saved


def _save(checkpoint: Path, state: dict) -> None:
    memory = io.BytesIO()
    torch.save(state, memory)
    whole(checkpoint, memory.getvalue())


def _lines(log: Path) -> list[dict]:
    """The lines of a log, up to one that was not written to its end."""
    found: list[dict] = []
    for line in log.read_text("utf-8").splitlines() if log.exists() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found


def _forget_after(step: int, log: Path) -> None:
    """Leave in the log what a checkpoint of this step knows."""
    kept = [line for line in _lines(log) if line["step"] <= step]
    whole(log, "".join(json.dumps(line) + "\n" for line in kept).encode())


def main(argv: Sequence[str] | None = None) -> None:
    """Train as the command line says; what is wrong is said in a sentence."""
    about, _, usage = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m scratch.pretrain",
        description=about,
        epilog=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", help="a file or a folder of UTF-8 text, or the name of a set that is fetched")
    parser.add_argument("run", help="the folder of the run: a new one, or one to go on with")
    parser.add_argument("--save-every", type=int, default=100, metavar="STEPS")
    for field in fields(Settings):
        option, kind = "--" + field.name.replace("_", "-"), type(field.default)
        choices = tuple(MODELS) if field.name == "model" else None
        parser.add_argument(option, type=kind, default=field.default, choices=choices, help=f"({field.default})")
    given = vars(parser.parse_args(argv))
    text, run, save_every = given.pop("text"), given.pop("run"), given.pop("save_every")
    try:
        pretrain(_found(text), run, Settings(**given), save_every=save_every, progress=True)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"pretrain: {error}")


def _found(text: str) -> Path:
    """The path itself, or that of the set which `scratch.corpora.fetch` brings."""
    return fetch(text) if text == "text8" and not Path(text).exists() else Path(text)


if __name__ == "__main__":
    main()
