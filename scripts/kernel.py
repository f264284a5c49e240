"""What every kernel that runs a chapter has: an IPython folder of its own, and pictures sharp on any screen."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = 'c = get_config()  # noqa\nc.InlineBackend.figure_formats = {"retina"}\n'


@contextmanager
def settings() -> Iterator[None]:
    """Kernels started inside keep IPython's files in a new folder: no startup file, setting or history of the user's.

    Their pictures have two pixels for each one that the page shows, and say so in the output's metadata (retina).
    """
    before = os.environ.get("IPYTHONDIR")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder) / "profile_default"
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text(SETTINGS, "utf-8")
        os.environ["IPYTHONDIR"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["IPYTHONDIR"]
            else:
                os.environ["IPYTHONDIR"] = before
