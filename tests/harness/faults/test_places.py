"""Places in an answer: each is found in each vendor's stream and plain body."""

from __future__ import annotations

import pytest
from banstorm.harness.faults.landmarks import Landmark, landmark
from banstorm.harness.faults.places import parse_place

from .streams import FORMS, WORDS, spoil, text, unspoilt

OVER = {Landmark.FINISH, Landmark.USAGE, Landmark.TERMINATOR}


def passed(form: str, after: str, *, stream: bool = True) -> tuple[bytes, bytes]:
    """What gets through a cut there, and what would have without."""
    answer = unspoilt(form, stream=stream)
    steps, bites = spoil(answer, "reset_mid_body", after=after)
    assert bites <= 1
    return text(steps), b"".join(answer.pieces)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tokens", [0, 1, 5, 6])
def test_tokens_of_a_stream(form, tokens):
    """Exactly so many words get through, and what gets through is a beginning of the stream."""
    part, whole = passed(form, f"{tokens} tokens")
    assert tokens == part.count(b"~")
    assert whole.startswith(part)
    assert part != whole or form == "gemini"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", ["headers", "0 tokens", "0 bytes", "0 events"])
@pytest.mark.parametrize("stream", [False, True])
def test_headers(form, after, stream):
    """Nothing of the body gets through."""
    assert b"" == passed(form, after, stream=stream)[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 3])
def test_events(form, count):
    """So many events get through, whatever they carry."""
    part, _ = passed(form, f"{count} events")
    assert b"".join(unspoilt(form).pieces[:count]) == part


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
def test_bytes(form, stream):
    """So many bytes get through, in the middle of an event, too."""
    part, whole = passed(form, "150 bytes", stream=stream)
    assert whole[:150] == part


@pytest.mark.parametrize("form", FORMS)
def test_content_of_a_stream(form):
    """All words get through, and nothing that says that the answer is over."""
    answer = unspoilt(form)
    part, _ = passed(form, "content")
    assert WORDS == part.count(b"~")
    events, rest = answer.dialect.split_events(part)
    assert b"" == rest
    assert {landmark(answer.dialect, event) for event in events} <= {Landmark.OTHER, Landmark.CONTENT}


@pytest.mark.parametrize("form", FORMS)
def test_finish_of_a_stream(form):
    """All but the terminator gets through; where a vendor has none, all of it."""
    answer = unspoilt(form)
    part, whole = passed(form, "finish")
    terminators = [event for event in answer.pieces if landmark(answer.dialect, event) is Landmark.TERMINATOR]
    assert (form == "gemini") == (not terminators)
    assert whole.removesuffix(b"".join(terminators)) == part


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
def test_end(form, stream):
    """Every byte gets through; what is missing is the end of the response."""
    part, whole = passed(form, "end", stream=stream)
    assert whole == part


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", ["content", "finish"])
def test_content_of_a_plain_body(form, after):
    """Everything but what closes the document."""
    part, whole = passed(form, after, stream=False)
    assert whole[:-1] == part


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("after", ["7 tokens", "100 events", "60000 bytes"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_place_that_is_not_met(form, after, stream):
    """An answer that ends before is left whole, and the fault has not bitten."""
    answer = unspoilt(form, stream=stream)
    assert (answer.pieces, 0) == spoil(answer, "reset_mid_body", after=after)


@pytest.mark.parametrize("form", FORMS)
def test_tokens_of_a_plain_body(form):
    """A plain body is cut before the word that follows."""
    part, whole = passed(form, "3 tokens", stream=False)
    assert 3 == part.count(b"~")
    assert b"~" == whole[len(part) : len(part) + 1]


@pytest.mark.parametrize("wrong", ["", "8", "8 words", "-1 tokens", "middle", 8, None, "8tokens 3events"])
def test_no_places(wrong):
    """What is no place is refused with examples."""
    with pytest.raises(ValueError, match="8 tokens or 3 events"):
        parse_place(wrong)


@pytest.mark.parametrize("place", ["8 tokens", "1 events", "100 bytes", "headers", "content", "finish", "end"])
def test_places_are_written_as_they_are_read(place):
    """A place survives a scenario's dump."""
    assert place == str(parse_place(place)) == str(parse_place(f" {place} "))
