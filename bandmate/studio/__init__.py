"""The studio: a page on this machine to make music with."""
