"""What the tests of the book share: notebooks on one thread, and no verdict by the clock."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# No verdict depends on how fast, or how busy, the machine is: a hang is for CI to end.
settings.register_profile("book", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("book")
