"""Run the notebooks again on processors that this one can pretend to be: every output must hold on all of them.

    python scripts/portable.py [NAMES]      all chapters, or these

The libraries choose their code by the processor, and add up in another order on another one. Environment variables make
them believe in an older processor, or let them use two threads. Before the notebooks, a probe tells in which operations
each disguise changes bits at all: one that changes nothing would prove nothing.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from chapters import chapters, find

ROOT = Path(__file__).resolve().parents[1]
THREADS = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}  # active waiting on busy cores takes ten times as long
DISGUISES = (
    {"ATEN_CPU_CAPABILITY": "default"},  # torch's own loops, without vector instructions
    {"ATEN_CPU_CAPABILITY": "avx2"},
    {"MKL_CBWR": "COMPATIBLE"},  # torch's matrix products
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},  # torch's convolutions and recurrent layers
    {"OPENBLAS_CORETYPE": "Haswell"},  # numpy, scipy and gensim
    THREADS,
)


def probe():
    """Print a hash of what some operations return for the same inputs, bit by bit."""
    import numpy as np
    import scipy.linalg.blas
    import torch
    from torch.nn import functional

    generator = np.random.default_rng(0)  # torch's own random numbers change with the disguise
    a, b, image, kernel = (
        generator.standard_normal(shape, dtype=np.float32)
        for shape in ((300, 200), (200, 300), (4, 8, 32, 32), (8, 8, 3, 3))
    )
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    results = {
        "matmul": x @ y,
        "exp": x.exp(),
        "tanh": x.tanh(),
        "sum": x.sum(),
        "sigmoid": x.sigmoid(),
        "softmax": x.softmax(1),
        "layer_norm": functional.layer_norm(x, (200,)),
        "gelu": functional.gelu(x),
        "linear": functional.linear(x, x, x[:, 0]),
        "conv": functional.conv2d(torch.from_numpy(image), torch.from_numpy(kernel), x[0, :8]),
        "LSTM": trained(x, steps=0),
        "20 steps of training": trained(x, steps=20),
        "numpy @": a @ b,
        "scipy dot": scipy.linalg.blas.sdot(a[0], a[1]),
    }
    for name, result in results.items():
        print(name, hashlib.sha256(np.asarray(result).tobytes()).hexdigest(), sep=":")


def trained(x, steps):
    """The last outputs of an LSTM, after some steps of training it to tell the rows of x (300, 200) apart."""
    import torch

    lstm = torch.nn.LSTM(20, 64, batch_first=True)
    with torch.no_grad():
        for weight in lstm.parameters():
            weight.copy_(x.flatten()[: weight.numel()].view_as(weight) / 8)
    optimizer = torch.optim.Adam(lstm.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        last = lstm(x.view(300, 10, 20))[0][:, -1]  # (300, 64)
        torch.nn.functional.cross_entropy(last, torch.arange(300) % 64).backward()
        optimizer.step()
    return lstm(x.view(300, 10, 20))[0][:, -1].detach()


def run(disguise, *command):
    """Run Python in a disguise, and in no other."""
    known = {variable for other in DISGUISES for variable in other}
    environment = {key: value for key, value in os.environ.items() if key not in known}
    environment |= {"OMP_NUM_THREADS": "1"} | disguise
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)


def bits(disguise):
    """The probe's hashes, {name: hash}."""
    return dict(line.split(":") for line in run(disguise, __file__, "--probe").stdout.splitlines())


def notebooks(names):
    """The paths to hand to pytest, the longest first."""
    try:
        found = find(names, chapters()) or chapters(language="en")
    except ValueError as error:
        sys.exit(str(error))
    return [str(c.english.notebook.relative_to(ROOT)) for c in sorted(found, key=lambda c: -c.english.seconds)]


def has_avx512():
    """Whether this processor has more to hide than the disguises leave; where the system does not tell, it has not."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and "avx512f" in cpuinfo.read_text()


def main(names):
    paths, plain, well = notebooks(names), bits({}), True
    if not plain or bits({}) != plain:
        sys.exit("The probe failed, or gave other bits the second time, without any disguise: it can tell nothing.")
    command = (
        "-m pytest -p no:cacheprovider -n auto --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout=3600"
    )
    for disguise in DISGUISES:
        changed = [name for name, value in bits(disguise).items() if value != plain[name]]
        print(" ".join(f"{key}={value}" for key, value in disguise.items()))
        print("  other bits in:", ", ".join(changed) or "nothing that was probed", flush=True)
        if not changed and disguise is not THREADS:
            print("  FAILED: it hides nothing" if has_avx512() else "  this processor has no AVX-512 to hide")
            well = well and not has_avx512()
        start = time.perf_counter()
        tests = run(disguise, *command.split(), *paths)
        seconds, summary = time.perf_counter() - start, tests.stdout.strip().split("\n")[-1]
        print(f"  {len(paths)} notebooks in {seconds:.0f} s, cells: {summary}", flush=True)
        if tests.returncode:
            print(tests.stdout, tests.stderr)
            well = False
    print("All outputs hold in every disguise." if well else "FAILED")
    sys.exit(not well)


if __name__ == "__main__":
    probe() if sys.argv[1:] == ["--probe"] else main(sys.argv[1:])
