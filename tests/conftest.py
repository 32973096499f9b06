"""Settings of all tests. That this file is here also lets tests import `music_made_here`."""

from hypothesis import settings

settings.register_profile("bandmate", deadline=None, derandomize=True, database=None, max_examples=40)
settings.load_profile("bandmate")
