"""The trainer loses nothing: not by a kill, not by bad input; several processes learn what one does."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from test_distributed import torchrun

from scratch import corpora, pretrain
from scratch.check import check_encoder
from scratch.language_model import NEGATIVE, SHARED, WINDOW
from scratch.pretrain import MODELS, Settings, load, plot, read_log

SMALL = {"vocab_size": 400, "dim": 16, "layers": 1, "heads": 2, "length": 16, "batch": 6, "steps": 12, "warmup": 2}
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "speeches.txt"
    sentences = corpora.load("state-of-the-union")[:350]
    file.write_text("\n".join(" ".join(sentence) for sentence in sentences), "utf-8")
    return file


@pytest.fixture(scope="session")
def finished(text, tmp_path_factory):
    """For each model a run that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("runs")
    for model in MODELS:
        pretrain.pretrain(text, folder / model, Settings(model=model, **SMALL), save_every=4)
    return folder


def losses(run):
    """What a run has noted, without the clock."""
    return [{name: value for name, value in line.items() if name != "seconds"} for line in read_log(run)]


def state(folder):
    """The names and hashes of all files."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_and_is_judged_on_what_it_did_not_read(finished, model):
    lines = read_log(finished / model)
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert [line["step"] for line in lines if "held out" in line] == [4, 8, 12]
    assert lines[-1]["held out"] < lines[3]["held out"]


@pytest.mark.parametrize("model", MODELS)
def test_the_encoder_keeps_its_promises_and_serves_retrieval_and_gensim(finished, model):
    run = load(finished / model)
    report = check_encoder(run.encoder.vectors, run.tokens.vocab_size)
    assert report or model == "skip-gram", report  # a bag of words does not hear the order, and need not
    vectors = run.vectors(["the state of the union", "of the union the state", "peace"])
    assert vectors.shape == (3, 16)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3))
    words = run.keyed_vectors()
    assert len(words) == len(run.tokens.encoder)
    assert words.similarity(" the", " the") == pytest.approx(1)
    table = run.model.encoder.embedding if model == "skip-gram" else run.model.table
    (the,) = run.tokens.encode(" the")
    assert torch.equal(torch.tensor(words[" the"]), table.weight[the])


@pytest.mark.parametrize("model", ["lstm", "transformer"])
@pytest.mark.parametrize("moment", ["between checkpoints", "while one is written"])
def test_a_run_that_was_stopped_goes_on_with_the_same_losses(text, finished, tmp_path, monkeypatch, model, moment):
    settings, run = Settings(model=model, **SMALL), tmp_path / "run"

    def stopped(*_):
        raise KeyboardInterrupt

    if moment == "between checkpoints":
        mean, calls = pretrain._mean, iter(range(100))
        monkeypatch.setattr(pretrain, "_mean", lambda *given: mean(*given) if next(calls) < 7 else stopped())
    else:
        save, times = pretrain._save, iter((4, 8))
        monkeypatch.setattr(pretrain, "_save", lambda *given: save(*given) if next(times) < 8 else stopped())
    with pytest.raises(KeyboardInterrupt):
        pretrain.pretrain(text, run, settings, save_every=4)
    assert not torch.distributed.is_initialized()
    monkeypatch.undo()
    with open(run / "log.jsonl", "a", encoding="utf-8") as log:
        log.write('{"step": 7, "lo')  # as a kill may leave it
    taken = pretrain.pretrain(text, run, settings, save_every=4)
    assert len(taken) == 8
    assert losses(run) == losses(finished / model)
    one, other = (torch.load(folder / "checkpoint.pt")["model"] for folder in (run, finished / model))
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert pretrain.pretrain(text, run, settings, save_every=4) == []  # it is done


def test_dropout_differs_from_step_to_step_and_is_the_same_again(text, tmp_path):
    settings = Settings(model="causal", dropout=0.3, **SMALL)
    found = [pretrain.pretrain(text, tmp_path / name, settings, save_every=12) for name in "ab"]
    assert found[0] == found[1]
    assert found[0] != pretrain.pretrain(text, tmp_path / "c", Settings(model="causal", **SMALL), save_every=12)


def test_a_causal_model_does_not_look_ahead(finished):
    encoder = load(finished / "causal").encoder
    ids = torch.randint(4, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    other = ids.clone()
    other[:, 5:] = 9
    assert torch.allclose(encoder.states(ids)[:, :5], encoder.states(other)[:, :5], atol=1e-6)
    assert not torch.allclose(encoder.states(ids)[:, 5:], encoder.states(other)[:, 5:], atol=1e-2)


def test_skip_gram_s_loss_is_the_one_written_out(finished):
    """Against loops over pairs, with whatever windows, words left out and negatives are drawn."""
    model = load(finished / "skip-gram").model
    model.keep.fill_(1)
    ids = torch.randint(4, 300, (3, 7), generator=torch.Generator().manual_seed(0))
    loss, pairs = model(ids, torch.Generator().manual_seed(1), slice(1, None, 2))  # row 1 alone
    generator = torch.Generator().manual_seed(1)
    reach = torch.randint(1, WINDOW + 1, ids.shape, generator=generator)[1]
    torch.rand(ids.shape, generator=generator)
    drawn = torch.multinomial(model.noise, 3 * SHARED, replacement=True, generator=generator)
    W, U, total, count = model.encoder.embedding.weight, model.table.weight, 0.0, 0
    for i in range(7):
        for j in range(7):
            if i != j and abs(i - j) <= reach[i]:
                total -= (W[ids[1, i]] @ U[ids[1, j]]).sigmoid().log()
                far = U[drawn[SHARED : 2 * SHARED]] @ W[ids[1, i]]
                total -= (-far).sigmoid().log().mean() * NEGATIVE
                count += 1
    assert pairs == count
    assert loss.item() == pytest.approx(total.item() / count, rel=1e-5)


def test_the_log_plots(finished):
    axes = plot(finished / "lstm")
    training, judged = axes.get_lines()
    assert training.get_xdata().tolist() == list(range(1, 13))
    assert judged.get_ydata().tolist() == [
        line["held out"] for line in read_log(finished / "lstm") if "held out" in line
    ]


BAD = {  # the text, the folder of the run, options, and what is said of them
    "no such text": ("nowhere", "RUN", "", "text must be a file or a folder, and there is none called nowhere"),
    "an empty text": ("EMPTY", "NEW", "", "text must not be empty, and EMPTY holds none"),
    "no UTF-8": ("LATIN", "NEW", "", "text must be UTF-8, and byte 2 of LATIN is 0xef"),
    "a short text": ("SHORT", "NEW", "", "text must have at least 320 tokens for rows of 16, got "),
    "another text": ("OTHER", "RUN", "", "text must be the one that RUN was begun with, and its files or sizes are"),
    "another size": ("TEXT", "RUN", "--dim=32", "dim must be 16, as in RUN/checkpoint.pt, got 32"),
    "another model": ("TEXT", "RUN", "--model=bilstm", "model must be lstm, as in RUN/checkpoint.pt, got bilstm"),
    "no size": ("TEXT", "RUN", "--layers=0", "layers must be at least 1, got 0"),
    "an odd dim": (
        "TEXT",
        "NEW",
        "--dim=15 --model=bilstm",
        "dim must be even for a model that reads both",
    ),
    "dropout": ("TEXT", "RUN", "--dropout=0.1", "dropout must be 0 for the model 'lstm', which has none, got 0.1"),
    "a file for a folder": ("TEXT", "OTHER", "", "[Errno 17] File exists: 'OTHER'"),
}


@pytest.fixture
def places(text, finished, tmp_path):
    """A finished run of its own, a folder for a new one, and texts of every kind."""
    run = tmp_path / "run"
    run.mkdir()
    for file in (finished / "lstm").iterdir():
        (run / file.name).write_bytes(file.read_bytes())
    written = {"EMPTY": b"", "LATIN": b"na\xefve words", "SHORT": b"a few words", "OTHER": b"other " * 9}
    for name, data in written.items():
        (tmp_path / name).write_bytes(data)
    names = {name: tmp_path / name for name in written} | {"TEXT": text, "RUN": run, "NEW": tmp_path / "new"}
    return lambda words: re.sub("|".join(names), lambda found: str(names[found[0]]), words)


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_lost(places, name):
    text, run, options, message = map(places, BAD[name])
    kept = Path(places("RUN"))
    before = state(kept)
    with pytest.raises(SystemExit) as error:
        pretrain.main([text, run, *OPTIONS, *options.split()])
    assert str(error.value).startswith(f"pretrain: {message}")
    assert "\n" not in str(error.value)
    assert state(kept) == before
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("damage", ["cut off", "one bit", "empty"])
def test_a_torn_checkpoint_is_refused_and_stays(places, damage):
    run = Path(places("RUN"))
    file = run / "checkpoint.pt"
    data = bytearray(file.read_bytes())
    if damage == "one bit":
        data[len(data) // 2] ^= 1
    file.write_bytes(data[:-100] if damage == "cut off" else b"" if damage == "empty" else data)
    before = state(run)
    for work in (lambda: pretrain.pretrain(places("TEXT"), run, Settings(**SMALL)), lambda: load(run)):
        with pytest.raises(ValueError, match=r"checkpoint.pt is damaged, and nothing was changed: remove it"):
            work()
    assert state(run) == before
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"run must be a folder with a checkpoint.pt, and .*run has none"):
        load(run)


def test_a_full_disk_stops_with_a_sentence_and_what_was_saved_is_whole(text, finished, tmp_path):
    """The limit on a file's size stands for the disk: the ids have room, the checkpoint has none."""
    run = tmp_path / "run"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000)); "
    limited = limit + "from scratch.pretrain import main; main()"
    arguments = [str(text), str(run), "--save-every=4", *OPTIONS]
    done = subprocess.run([sys.executable, "-c", limited, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    said = done.stderr.strip().split("\n")[-1]
    assert said == f"pretrain: {run}/checkpoint.pt cannot be written (File too large); what was saved before is whole"
    assert sorted(file.name for file in run.iterdir()) == ["log.jsonl", "tokens.bin", "tokens.json"]
    pretrain.pretrain(text, run, Settings(**SMALL), save_every=4)  # with room, it goes on
    assert losses(run) == losses(finished / "lstm")


SEVERAL = """
import json, sys
from scratch.pretrain import Settings, pretrain
text, folder, models, small = json.loads(sys.argv[1])
for model in models:
    pretrain(text, f"{folder}/{model}", Settings(model=model, **small), save_every=4)
"""


def test_two_processes_learn_what_one_does(text, finished, tmp_path):
    models, script = ("lstm", "transformer", "skip-gram"), tmp_path / "several.py"
    script.write_text(SEVERAL)
    done = torchrun(script, json.dumps([str(text), str(tmp_path), models, SMALL]))
    assert done.returncode == 0, done.stderr
    for model in models:
        for ours, theirs in zip(losses(tmp_path / model), losses(finished / model), strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)
        saved = torch.load(tmp_path / model / "checkpoint.pt")
        assert (saved["processes"], saved["step"]) == (2, 12)


def test_the_number_of_processes_may_change(places, finished, capsys):
    run = Path(places("RUN"))
    saved = torch.load(run / "checkpoint.pt")
    pretrain._save(run / "checkpoint.pt", saved | {"processes": 2, "step": 8})
    assert len(pretrain.pretrain(places("TEXT"), run, Settings(**SMALL), save_every=4)) == 4
    assert capsys.readouterr().out == "step 8: 1 in place of 2 processes; losses move in rounding\n"
    assert [line["step"] for line in read_log(run)] == list(range(1, 13))


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def workers(run):
    """The numbers of the processes that train in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "torch.distributed.run" not in words and any(str(run) in word for word in words):
            found.append(int(process.name))
    return found


@pytest.mark.slow
def test_two_hosts_one_worker_killed_and_nothing_is_lost(text, tmp_path):
    """Two of torchrun's agents meet on loopback, each with a worker; one worker is killed in mid-run."""
    steps = ["--steps=60", "--save-every=5", "--length=32", "--batch=64", "--dim=96"]
    arguments = ["-m", "scratch.pretrain", str(text), *OPTIONS, *steps]
    run, alone = tmp_path / "run", tmp_path / "alone"
    meeting = f"--rdzv-endpoint=127.0.0.1:{free_port()}"
    agent = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--max-restarts=3"]
    agent += ["--rdzv-backend=c10d", meeting, "--rdzv-id=book", *arguments, str(run)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    agents = [subprocess.Popen(agent, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    while not (run / "checkpoint.pt").exists():
        assert all(each.poll() is None for each in agents), [each.communicate()[1] for each in agents]
        time.sleep(0.02)
    os.kill(workers(run)[0], signal.SIGKILL)
    said = [each.communicate()[1] for each in agents]
    assert [each.returncode for each in agents] == [0, 0], said
    undisturbed = SMALL | {"steps": 60, "length": 32, "batch": 64, "dim": 96}
    pretrain.pretrain(text, alone, Settings(**undisturbed), save_every=5)
    assert [line["step"] for line in losses(run)] == list(range(1, 61))
    assert losses(run) == [pytest.approx(line, rel=1e-4) for line in losses(alone)]
