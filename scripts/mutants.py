"""Break the helpers on purpose, one small change at a time, and list the changes that no test notices.

    python scripts/mutants.py [NAME …]      # of src/scratch; all modules by default, which takes an hour or more

A mutant is a module with one operator, constant, argument or string changed. It is killed if one of the module's tests
fails. What survives shows a test that is missing, code that nothing needs, or a change that changes nothing. Functions
under a decorator such as `@torch.no_grad()`, and what a module does outside of functions, are left as they are.

All happens in .cache, beside .venv and its pins: in .cache/mutants/<name> are copies of src and tests, and a `log`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE, PIN = ROOT / ".cache", "mutmut==3.8.1"
MUTMUT = CACHE / PIN.replace("==", "-")
PARTS = ("src", "tests", "scripts", "benchmarks")  # what the tests of helpers look at
MODULES = sorted(path.stem for path in (ROOT / "src/scratch").glob("[!_]*.py"))
ALSO = {"bptt": ["recurrent"], "full_softmax": ["word2vec"], "report": ["check"]}  # whose tests test this module too
# left out: what takes long, times something, or starts a Python of its own, which knows nothing of the mutant
SLOW = "eight_thousand every_known_character english_is_the_three losses_in_the_log in_the_docstrings fifty_times"
SLOW += " text_comes_back any_ids_decode one_piece_is fewer_merges no_square_time quiet_writes two_processes"
QUICK = f"not ({' or '.join(SLOW.split())})"
# mutmut's last, so that .venv's own pytest comes first
RUN = f"import sys; sys.path.append({str(MUTMUT)!r}); from mutmut.__main__ import cli; cli()"
CONFIG = """[tool.mutmut]
source_paths = ["src/scratch/{name}.py"]
also_copy = {parts}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-k", "{quick}"]
max_children = 1
timeout_multiplier = 20
timeout_constant = 4
"""
# the same examples for each mutant, and no time spent on making a failing one smaller
PROFILE = """
from hypothesis import Phase, settings
options = {"database": None, "deadline": None, "derandomize": True, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("mutants", **options)
settings.load_profile("mutants")
"""
KILLED, TIMEOUT = (1, 3), (-24, 24, 36, 152, 255)  # exit codes


def run(name: str) -> dict[str, int]:
    """Make and try all mutants of a module; the exit code for each."""
    folder = CACHE / "mutants" / name
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    with (folder / "tests/conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(PROFILE)
    tests = [f"tests/test_{each}.py" for each in (name, *ALSO.get(name, []))]
    tests = [test for test in tests if (ROOT / test).exists()]
    config = CONFIG.format(name=name, parts=json.dumps(PARTS), tests=json.dumps(tests), quick=QUICK)
    (folder / "pyproject.toml").write_text(config, "utf-8")
    with (folder / "log").open("w", encoding="utf-8") as log:
        subprocess.run([sys.executable, "-c", RUN, "run"], cwd=folder, stdout=log, stderr=log)
    meta = folder / f"mutants/src/scratch/{name}.py.meta"
    codes = json.loads(meta.read_text("utf-8"))["exit_code_by_key"] if meta.exists() else {}
    if not codes or None in codes.values():
        sys.exit(f"mutmut has not tried all mutants of {name}: see {folder.relative_to(ROOT)}/log")
    return codes


def change(name: str, mutant: str) -> str:
    """The changed lines, before and after."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    os.chdir(CACHE / "mutants" / name)
    lines = get_diff_for_mutant(mutant, path=Path(f"src/scratch/{name}.py")).splitlines()
    changed = [f"    {line[0]} {line[1:].strip()}" for line in lines[2:] if line[0] in "+-"]
    return "\n".join([f"  {mutant.rpartition('.')[2]}", *changed])


def main(names: list[str]) -> None:
    """Try the modules one after the other, and report on each."""
    if unknown := set(names) - set(MODULES):
        sys.exit(f"no such module in src/scratch: {', '.join(sorted(unknown))}")
    if not MUTMUT.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "-c", ROOT / "requirements.lock", "--target", MUTMUT, PIN]
        subprocess.run(pip, check=True)
    sys.path.append(str(MUTMUT))
    for name in names or MODULES:
        codes = run(name)
        killed, late = (sum(code in kind for code in codes.values()) for kind in (KILLED, TIMEOUT))
        counts = f"{len(codes)} mutants, {killed} killed, {len(codes) - killed - late} survived, {late} timeout"
        survivors = [change(name, mutant) for mutant, code in codes.items() if code not in KILLED]
        print(f"{name}: {counts}, score {killed / len(codes):.0%}", *survivors, sep="\n", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
