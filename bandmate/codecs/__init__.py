"""Codecs: each a way of writing a piece as an array of ids. One file an encoding."""
