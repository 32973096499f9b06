"""REMI, TSD and MIDI-Like through MidiTok: the adapter, and the only file that knows that library.

REMI (Huang and Yang 2020, arXiv 2002.00212) writes bars and positions, TSD (Fradet et al. 2021) the time that passes and
how long notes last, MIDI-Like (Oore et al. 2018, arXiv 1808.03715) when notes go on and off. All instruments and drums
stand in one stream, each note with its program; metre and tempo are written, too. The grid has twelve steps a beat.

MidiTok: Fradet et al. 2021, arXiv 2310.17202; it is an extra: pip install 'bandmate[codecs]'.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from bandmate.codecs.codec import Codec, Grammar, Variety
from bandmate.music.draft import Draft
from bandmate.music.grid import GridPiece, from_grid, to_grid
from bandmate.music.request import Request
from bandmate.piece import Labels, Piece
from bandmate.settings import Settings, UserError

STEPS_PER_BEAT = 12
LONGEST_BEATS = 12  # of a note, and of a wait; past four beats they are counted in quarters of a beat
GRID = 48  # steps a quarter: exact for beats from halves to 16ths
PAD, BEGIN, END = 0, 1, 2  # MidiTok's PAD, BOS, EOS
PITCHED = ("Pitch", "NoteOn", "NoteOff")
NOTE_ENDS = {"remi": "Duration", "tsd": "Duration", "midilike": "Velocity"}  # the last token of a note
METRES = {2: [2, 3, 4], 4: [1, 2, 3, 4, 5, 6, 7], 8: [2, 3, 5, 6, 7, 9, 12], 16: [3, 6, 9]}


class MidiTokConfig(Settings):
    """What the ids of MidiTok's tokenizations depend on."""

    velocities: Literal[8, 16, 32] = 8
    """Levels of loudness."""


class MidiTok(Codec):
    """A tokenization by MidiTok. One id a row."""

    Config = MidiTokConfig
    fields = ("token",)
    config: MidiTokConfig
    scheme: ClassVar[str]
    """MidiTok's name of the tokenization."""

    def __init__(self, config: Settings | None = None) -> None:
        super().__init__(config)
        self.sizes = (len(self.tokenizer),)

    @cached_property
    def tokenizer(self) -> Any:
        """MidiTok's tokenizer. Raises UserError if the library is not installed."""
        try:
            import miditok
        except ModuleNotFoundError as error:
            raise UserError(f"the codec '{self.name}' needs the package '{error.name}', which is not installed; "
                            "install it with: pip install 'bandmate[codecs]'") from None
        return getattr(miditok, self.scheme)(miditok.TokenizerConfig(
            pitch_range=(0, 127), beat_res={(0, 4): STEPS_PER_BEAT, (4, LONGEST_BEATS): 4},
            num_velocities=self.config.velocities, special_tokens=["PAD", "BOS", "EOS"], use_programs=True,
            one_token_stream_for_programs=True, use_tempos=True, num_tempos=32, tempo_range=(30, 240), log_tempos=True,
            use_time_signatures=True, time_signature_range=METRES, encode_ids_split="no"))

    @cached_property
    def tokens(self) -> list[tuple[str, str]]:
        """The kind and the value of every id, such as ("Pitch", "60")."""
        names = sorted(self.tokenizer.vocab, key=self.tokenizer.vocab.get)
        return [(kind, value) for kind, _, value in (name.partition("_") for name in names)]

    def ids_of(self, kind: str) -> dict[str, int]:
        """Return the ids of a kind of token by their values."""
        return {value: number for number, (found, value) in enumerate(self.tokens) if found == kind}

    def encode(self, piece: Piece, labels: Labels | None = None, table: np.ndarray | None = None) -> np.ndarray:
        grid = to_grid(piece, GRID, table)
        if not len(grid.notes):
            raise UserError("the piece has no notes; nothing can be learnt from it; take another piece")
        strange = {(numerator, denominator) for numerator, denominator in grid.bars[:, 1:].tolist()
                   if numerator not in METRES.get(denominator, [])}
        if strange:
            bars = " and ".join("{}/{}".format(*metre) for metre in sorted(strange))
            raise UserError(f"the piece has bars of {bars}, which the codec '{self.name}' does not know; take another piece")
        music = self.tokenizer.encode(from_grid(grid), no_preprocess_score=False)
        return np.array([BEGIN, *music.ids, END], np.int16)[:, None]

    def decode(self, ids: np.ndarray, request: Request | None = None) -> Piece:
        ids = np.asarray(ids, np.int64).reshape(-1)
        kept = ids[(ids > END) & (ids < self.sizes[0])].tolist()
        import symusic
        piece = self.tokenizer.decode(kept) if kept else symusic.Score(GRID)
        grid = to_grid(piece, GRID)
        tempo = request.tempo if request and request.tempo else grid.tempo
        return from_grid(GridPiece(grid.notes, grid.bars, grid.end, GRID, tempo))

    def grammar(self, request: Request, rows: int, draft: Draft | None = None) -> Grammar:
        from bandmate.codecs.miditok_grammar import MidiTokGrammar
        return MidiTokGrammar(self, request, rows, draft)

    def is_note(self, ids: np.ndarray) -> np.ndarray:
        return np.isin(np.asarray(ids)[..., 0], [*self.ids_of(NOTE_ENDS[self.name]).values()])

    def words(self, ids: np.ndarray) -> list[str]:
        special = {PAD: "pad", BEGIN: "begin", END: "end"}
        return [special.get(number, "_".join(self.tokens[number])) if number < self.sizes[0] else "nothing"
                for number in np.asarray(ids)[:, 0].tolist()]

    @cached_property
    def _pitches(self) -> np.ndarray:
        """The pitch of each id, -1 for those without: int (V,)."""
        return np.array([int(value) if kind in PITCHED else -1 for kind, value in self.tokens])

    def lesson(self, ids: np.ndarray, length: int, random: np.random.Generator, variety: Variety) -> np.ndarray:
        window = self.window(ids, length, random.random()).copy()
        pitched = self._pitches[window[:, 0]] >= 0
        pitches = self._pitches[window[pitched, 0]]
        if len(pitches):
            most = variety.transpose
            window[pitched] += int(random.integers(max(-most, -int(pitches.min())), min(most, 127 - int(pitches.max())) + 1))
        return window


class Remi(MidiTok):
    """Bars, positions, notes with their lengths."""

    name, scheme = "remi", "REMI"


class Tsd(MidiTok):
    """Time that passes, notes with their lengths."""

    name, scheme = "tsd", "TSD"


class MidiLike(MidiTok):
    """Time that passes, notes that go on and off."""

    name, scheme = "midilike", "MIDILike"
