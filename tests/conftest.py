"""What the tests of the book share: they import its scripts, and run notebooks on one thread."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
