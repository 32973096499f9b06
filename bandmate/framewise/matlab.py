"""Reading the lists of matrices in a MATLAB file, as the frame benchmark keeps its piano rolls.

Only what these files hold is read: level 5 MAT-files, little-endian, with cells of numeric matrices, packed or not ("MAT-File
Format", The MathWorks, chapter 1). Nothing in such a file can run code.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

HEADER = 128
NUMBERS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
MATRIX, PACKED = 14, 15
CELLS, DOUBLE, LAST_NUMERIC = 1, 6, 15  # classes of a matrix


def read_cells(data: bytes) -> dict[str, list[np.ndarray]]:
    """Return the variables of a MAT-file that are cells: each a list of float matrices. Raises ValueError for all else."""
    if data[124:128] != b"\x00\x01IM":
        raise ValueError("no little-endian level 5 MAT-file")
    found = {}
    try:
        for kind, body in _elements(data[HEADER:]):
            if kind == PACKED:
                [(kind, body)] = _elements(zlib.decompress(body))
            if kind == MATRIX:
                name, value = _matrix(body)
                if isinstance(value, list):
                    found[name] = value
    except (struct.error, zlib.error, IndexError, KeyError) as error:
        raise ValueError(f"damaged: {error}") from None
    return found


def _matrix(body: bytes) -> tuple[str, list[np.ndarray] | np.ndarray]:
    """Read one matrix: its name, and its numbers, or its cells."""
    (_, flags), (_, sizes), (_, name), *rest = _elements(body)
    kind, shape = flags[0], np.frombuffer(sizes, "<i4")
    if kind == CELLS:
        cells = [_matrix(cell)[1] for _, cell in rest]
        return name.decode("latin-1"), [cell for cell in cells if isinstance(cell, np.ndarray)]
    if not DOUBLE <= kind <= LAST_NUMERIC:
        raise ValueError("matrices of numbers were expected")
    numbers = np.frombuffer(rest[0][1], NUMBERS[rest[0][0]]).astype(float)
    return name.decode("latin-1"), numbers.reshape(shape, order="F")


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Go through data elements: the kind of each, and its bytes."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:  # a small element: its size stands in the upper half
            yield kind & 0xFFFF, data[at + 4:at + 4 + (kind >> 16)]
            at += 8
            continue
        if at + 8 + size > len(data):
            raise IndexError("an element is cut short")
        yield kind, data[at + 8:at + 8 + size]
        at += 8 + size + (-size % 8 if kind != PACKED else 0)
