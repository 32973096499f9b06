"""What a person may ask for, and what is refused."""

import pytest

from bandmate.music.request import Request
from bandmate.piece import DRUMS
from bandmate.settings import UserError


def test_defaults_leave_the_model_free():
    request = Request()
    assert request.bars == 16
    assert request.programs() is None
    assert request.pitch_ranges() == {}


def test_lists_are_written_with_commas_or_not():
    for instruments in ("piano, bass", ["piano", "bass"], ("piano,bass",)):
        assert Request(instruments=instruments).instruments == ("piano", "bass")


def test_programs_are_named_by_class():
    assert Request(instruments="bass,rhodes", drums=True).programs() == {0: 4, 4: 33, 16: DRUMS}
    assert Request(instruments="drums").programs() == {16: DRUMS}
    assert Request(drums=True).programs() is None


def test_pitch_ranges():
    assert Request(pitches="piano:C3-C6,bass:28-48").pitch_ranges() == {0: (48, 84), 4: (28, 48)}


@pytest.mark.parametrize(("asked", "sentence"), [
    ({"bars": 0}, "bars is 0; input should be greater than or equal to 1"),
    ({"bars": "many"}, "bars is 'many'"),
    ({"tempo": 5}, "tempo is 5"),
    ({"metre": "4/5"}, "'4/5' is not a metre"),
    ({"key": "H"}, "'H' is not a key"),
    ({"instruments": "pino"}, "there is no instrument 'pino'; did you mean 'piano'"),
    ({"instruments": "piano,rhodes"}, "'piano' and 'rhodes' both belong to the piano family"),
    ({"instruments": "piano,drums", "drums": False}, "drums are among the instruments and are also switched off"),
    ({"pitches": "piano"}, "'piano' is not a pitch range"),
    ({"pitches": "piano:C6-C3"}, "is empty; put the lower pitch first"),
    ({"pitches": "piano:C3-H3"}, "'H3' is not a pitch"),
    ({"instruments": "bass", "pitches": "piano:C3-C6"}, "a pitch range is given for piano, which does not play"),
    ({"tempi": 100}, "there is no setting 'tempi' in Request; did you mean 'tempo'"),
])
def test_what_is_refused(asked, sentence):
    with pytest.raises(UserError, match=sentence):
        Request(**asked)
