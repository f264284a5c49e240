"""What every kernel that runs a chapter has: an IPython folder of its own, and pictures sharp on any screen."""

import os
from pathlib import Path


def use_folder(folder) -> None:
    """Kernels started from now on keep IPython's files there: no startup file, setting or history of the user's.

    Their pictures have two pixels for each one that the page shows, and say so in the output's metadata (retina).
    """
    profile = Path(folder) / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    settings = 'c = get_config()  # noqa\nc.InlineBackend.figure_formats = {"retina"}\n'
    (profile / "ipython_kernel_config.py").write_text(settings, "utf-8")
    os.environ["IPYTHONDIR"] = str(folder)
