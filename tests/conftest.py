"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("bandmate", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("bandmate")
