"""Piano rolls in .npz files, written here as pypianoroll writes them."""

import io
import json
import zipfile

import numpy as np
import pytest
from music_made_here import band, table

from bandmate.codecs.roll import Roll
from bandmate.data.prepare import prepare
from bandmate.data.windows import Prepared
from bandmate.music.files import read
from bandmate.music.grid import note_table
from bandmate.music.lpd import read_lpd
from bandmate.piece import DRUMS, Piece
from bandmate.settings import UserError


def sparse(roll: np.ndarray) -> dict[str, np.ndarray]:
    """Return a roll (T, 128) as the arrays of a sparse matrix, column by column."""
    pitch, step = np.nonzero(roll.T)
    return {"data": roll[step, pitch], "indices": step.astype(np.int32),
            "indptr": np.searchsorted(pitch, np.arange(129)).astype(np.int32)}


def file_of(rolls: dict[int, np.ndarray], resolution: str = "beat_resolution", **changes) -> bytes:
    """Write rolls {program: (T, 128)} as a file."""
    arrays = {"tempo.npy": np.full(len(next(iter(rolls.values()))), 90.0), "downbeat.npy": np.zeros(4, bool)}
    info: dict = {resolution: 24, "name": "made here"}
    for number, (program, roll) in enumerate(rolls.items()):
        arrays |= {f"pianoroll_{number}_csc_{name}.npy": array for name, array in sparse(roll).items()}
        info[str(number)] = {"program": program % DRUMS, "is_drum": program == DRUMS, "name": "Track", "shape": roll.shape}
    arrays |= {name: array for name, array in changes.items() if name.endswith(".npy")}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=True)
            archive.writestr(name, data.getvalue())
        archive.writestr("info.json", json.dumps({**info, **changes.get("info", {})}))
    return out.getvalue()


def rolls_of(piece: Piece) -> dict[int, np.ndarray]:
    """Lay out the tracks of a piece as LPD does: 24 steps a quarter, a step of silence before a repeated note."""
    notes = note_table(piece)
    rolls = {}
    for program in np.unique(notes[:, 4]).tolist():
        rolls[program] = np.zeros((int((notes[:, 0] + notes[:, 1]).max()) // 20, 128), np.uint8)
        for start, length, pitch, velocity, _ in notes[notes[:, 4] == program].tolist():
            rolls[program][start // 20:max((start + length) // 20 - 1, start // 20 + 1), pitch] = velocity
    return rolls


@pytest.mark.parametrize("resolution", ["beat_resolution", "resolution"])
def test_notes_are_read_and_come_to_the_same_roll(resolution):
    piece = read_lpd(file_of(rolls_of(band()), resolution))
    assert [(note[0], *note[2:]) for note in table(piece)] == [(note[0], *note[2:]) for note in table(band())]
    assert piece.tempos[0].qpm == pytest.approx(90)
    assert (Roll().encode(piece) == Roll().encode(band())).all()


def test_a_roll_without_loudness_and_without_tempo_is_read():
    roll = np.zeros((48, 128), bool)
    roll[24:36, 60] = roll[40, 60] = True
    piece = read_lpd(file_of({33: roll}, **{"tempo.npy": np.zeros(0)}))
    assert table(piece) == [(480, 240, 60, 127, 33), (800, 20, 60, 127, 33)]
    assert piece.tempos[0].qpm == pytest.approx(120)


def test_what_holds_no_rolls_is_refused(tmp_path):
    rolls = {0: np.eye(128, dtype=np.uint8)}
    objects = np.array([{}], dtype=object)
    wrong = [b"nonsense", b"", file_of(rolls)[:200], file_of(rolls, info={"beat_resolution": 7}),
             file_of(rolls, info={"0": {"program": 300, "is_drum": False}}), file_of(rolls, info={"7": {}}),
             file_of(rolls, **{"pianoroll_0_csc_indices.npy": np.full(128, 2**30)}),
             file_of(rolls, **{"pianoroll_0_csc_indptr.npy": np.arange(128)}),
             file_of(rolls, **{"pianoroll_0_csc_data.npy": objects}), file_of(rolls, **{"tempo.npy": objects})]
    for number, data in enumerate(wrong):
        (tmp_path / f"{number}.npz").write_bytes(data)
        with pytest.raises(UserError, match="holds no piano rolls"):
            read(tmp_path / f"{number}.npz")
    with pytest.raises(UserError, match="are empty"):
        read_lpd(file_of({0: np.zeros((4, 128), np.uint8)}))


def test_rolls_are_prepared_like_other_music(tmp_path):
    (tmp_path / "songs").mkdir()
    for number in range(3):
        rolls = {program: np.roll(roll, number * (program < DRUMS), axis=1) for program, roll in rolls_of(band(4)).items()}
        (tmp_path / "songs" / f"{number}.npz").write_bytes(file_of(rolls))
    summary = prepare([str(tmp_path / "songs")], tmp_path / "out", "roll:steps_per_quarter=4", workers=1)
    assert summary.used == 3
    prepared = Prepared(tmp_path / "out")
    assert prepared.codec().config.steps_per_quarter == 4
    assert prepared.piece("train", 0).shape == (64, 640)
