"""Voices: the codec of four-part chorales. Music is written as steps: every 16th note a row, and in it what each voice sings.

A row says its *place* in the bar (1 to 16, so that the last step of a piece ends a bar) and the pitch of soprano, alto,
tenor and bass, or that the voice rests. Held and repeated notes are the same here, as in the data of the JSB benchmark
(Allan and Williams 2005; Boulanger-Lewandowski et al. 2012, arXiv 1206.6392); where a pitch stays, one long note is
written. Places after the first follow from it.
"""

from __future__ import annotations

import numpy as np

from bandmate.codecs.codec import Codec, Grammar, Variety
from bandmate.music.draft import Draft
from bandmate.music.grid import DURATION, PITCH, PROGRAM, START, GridPiece, from_grid, note_table, tidy, to_grid, track_numbers
from bandmate.music.request import Request
from bandmate.music.theory import pitch_name
from bandmate.piece import Labels, Piece
from bandmate.settings import Settings, UserError

STEPS_PER_QUARTER, STEPS_PER_BAR = 4, 16
VOICES = ("soprano", "alto", "tenor", "bass")
LOWEST, HIGHEST = 36, 81  # the 46 pitches of the benchmark
REST = 1
PITCH_AT = 2  # the id of the lowest pitch
OUTCOMES = HIGHEST - LOWEST + 2  # 47: the pitches, and a rest
SUNG = ((60, 81), (53, 77), (45, 72), (36, 64))  # what each voice sings in Bach's chorales
CHOIR = 52  # General MIDI "Choir Aahs"
LOUDNESS = 90
TEMPO = 80.0  # quarters a minute
BEGINNINGS = 0.25  # share of the training windows that begin where the piece does
WHOLE = 640  # steps: the longest chorale of the benchmark


class VoicesConfig(Settings):
    """What the ids of `voices` depend on: nothing."""


class Voices(Codec):
    """The codec: see the top of this file."""

    name = "voices"
    Config = VoicesConfig
    fields = ("place", *VOICES)
    sizes = (STEPS_PER_BAR + 1, *(PITCH_AT + OUTCOMES - 1,) * len(VOICES))

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        tracks = [track for track in piece.tracks if len(track.notes)]
        if len(tracks) != len(VOICES) or any(track.is_drum for track in tracks):
            raise UserError(f"the piece has {len(tracks)} tracks that play; the codec 'voices' expects four, one a voice: "
                            "soprano, alto, tenor and bass; take another piece")
        table = note_table(piece)
        numbers = track_numbers(piece)
        used = np.unique(numbers)
        heights = [table[numbers == number, PITCH].mean() for number in used]
        voice_of = np.empty(len(piece.tracks), np.int64)
        voice_of[used[np.argsort(heights, kind="stable")[::-1]]] = np.arange(len(VOICES))
        table[:, PROGRAM] = voice_of[numbers]
        grid = to_grid(piece, STEPS_PER_QUARTER, table)
        starts, ends = grid.notes[:, START], grid.notes[:, START] + grid.notes[:, DURATION]
        sung = np.full((int(ends.max()), len(VOICES)), -1)
        for voice, name in enumerate(VOICES):
            _sing(sung[:, voice], grid.notes[grid.notes[:, PROGRAM] == voice], name)
        ids = rows_of(sung[starts.min():])
        if (grid.bars[:, 1:] == (4, 4)).all():  # else, as in the benchmark, the last step ends a bar of 16
            ids[:, 0] = np.arange(starts.min(), len(sung)) % STEPS_PER_BAR + 1
        return ids

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        ids = np.asarray(ids, np.int64).reshape(-1, len(self.sizes))
        ids = ids[(ids[:, 0] > 0) & (ids[:, 0] < self.sizes[0])]
        late = (int(ids[0, 0]) - 1) if len(ids) else 0  # an upbeat: the bar begins with silence
        notes = []
        for voice in range(len(VOICES)):
            column = np.where(ids[:, voice + 1] < PITCH_AT + OUTCOMES - 1, ids[:, voice + 1], REST)
            starts = np.flatnonzero(np.diff(column, prepend=-1))
            lengths = np.diff(starts, append=len(column))
            notes += [(late + start, length, column[start] - PITCH_AT + LOWEST, LOUDNESS, voice)
                      for start, length in zip(starts.tolist(), lengths.tolist(), strict=True) if column[start] >= PITCH_AT]
        end = -(-(late + len(ids)) // STEPS_PER_BAR) * STEPS_PER_BAR
        tempo = request.tempo if request and request.tempo else TEMPO
        return _four_tracks(np.array(notes, np.int32).reshape(-1, 5), end, tempo)

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.voices_grammar import VoicesGrammar
        return VoicesGrammar(self, request, rows, draft)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(ids)[..., 1:] >= PITCH_AT).any(axis=-1))

    def given(self, ids: np.ndarray) -> np.ndarray:
        return np.zeros(len(ids), bool)

    def words(self, ids: np.ndarray) -> list[str]:
        return [f"{place - 1}/16 " + " ".join("rest" if pitch < PITCH_AT else pitch_name(pitch - PITCH_AT + LOWEST)
                                              for pitch in voices) if place else "pad"
                for place, *voices in np.asarray(ids).tolist()]

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        keys = [shift for shift in shifts(ids) if abs(shift) <= variety.transpose]
        start = 0.0 if random.random() < BEGINNINGS else random.random()
        return transpose(self.window(ids, length, start), int(random.choice(keys)))

    def pages(self, ids: np.ndarray, length: int) -> list[np.ndarray]:
        """Leave a chorale whole, however short the windows are that are learnt from."""
        return super().pages(ids, max(length, WHOLE))


def rows_of(pitches: np.ndarray) -> np.ndarray:
    """Write the pitches of four voices (T, 4), each 16th; below the lowest pitch means a rest: int16 (T, 5)."""
    pitches = np.asarray(pitches)
    if pitches.max(initial=0) > HIGHEST:
        raise UserError(f"a voice sings {pitch_name(int(pitches.max()))}; the codec 'voices' knows {pitch_name(LOWEST)} to "
                        f"{pitch_name(HIGHEST)}; transpose the piece or take another")
    place = (np.arange(len(pitches)) - len(pitches)) % STEPS_PER_BAR + 1
    return np.column_stack([place, np.where(pitches < LOWEST, REST, pitches - LOWEST + PITCH_AT)]).astype(np.int16)


def shifts(ids: np.ndarray) -> list[int]:
    """Return by how many semitones a piece (T, 5) may be transposed with every voice in its range; 0 always may."""
    least, most = -HIGHEST, HIGHEST
    for (low, high), voice in zip(SUNG, np.asarray(ids)[:, 1:].T, strict=True):
        sung = voice[voice >= PITCH_AT].astype(np.int64) - PITCH_AT + LOWEST
        if len(sung):
            least, most = max(least, low - int(sung.min())), min(most, high - int(sung.max()))
    return sorted({0, *range(least, most + 1)})


def transpose(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Return a copy of some ids (T, 5) in another key; pitches must stay within LOWEST to HIGHEST."""
    ids = ids.copy()
    ids[:, 1:][ids[:, 1:] >= PITCH_AT] += semitones
    return ids


def _sing(column: np.ndarray, notes: np.ndarray, name: str) -> None:
    """Lay the notes of one voice out step by step in a column of pitches (T,)."""
    notes = notes[np.argsort(notes[:, START], kind="stable")]
    ends = notes[:, START] + notes[:, DURATION]
    if (notes[1:, START] < ends[:-1]).any():
        raise UserError(f"the {name} sings two notes at once; one after another was expected; take another piece")
    if notes[:, PITCH].min() < LOWEST:
        raise UserError(f"the {name} sings {pitch_name(int(notes[:, PITCH].min()))}; the codec 'voices' knows "
                        f"{pitch_name(LOWEST)} to {pitch_name(HIGHEST)}; transpose the piece or take another")
    for start, end, pitch in zip(notes[:, START].tolist(), ends.tolist(), notes[:, PITCH].tolist(), strict=True):
        column[start:end] = pitch


def _four_tracks(notes: np.ndarray, end: int, tempo: float) -> Piece:
    """Build a piece with a track for each voice from notes whose last column is the voice."""
    bars = np.array([[0, 4, 4]], np.int32)
    whole = None
    for voice, name in enumerate(VOICES):
        own = notes[notes[:, 4] == voice].copy()
        own[:, PROGRAM] = CHOIR
        part = from_grid(GridPiece(tidy(own), bars, end, STEPS_PER_QUARTER, tempo))
        for track in part.tracks:
            track.name = name
        if whole is None:
            whole = part
        else:
            whole.tracks.extend(part.tracks)
    return whole
