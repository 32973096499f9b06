"""Settings of all tests."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: tests run side by side, and threads would wait for each other

from hypothesis import settings

settings.register_profile("bandmate", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("bandmate")
