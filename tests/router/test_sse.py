"""Server-sent events, however the network cuts them."""

from __future__ import annotations

import pytest
from banstorm.router.sse import ErrorEvent, EventReader, EventTooLarge
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(TEXT, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["data: ", "data:"]), st.data())
def test_cuts_make_no_difference(texts, newline, prefix, data):
    """Events come out the same wherever the bytes are cut, with either line ending, with or without the space."""
    # Without the space after the colon, a text's own leading space would be taken for it.
    texts = [text.lstrip(" ") or "x" for text in texts]
    stream = "".join(f"event: x{newline}{prefix}{text}{newline}{newline}" for text in texts).encode()
    reader, found = EventReader(10_000), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert [text.encode() for text in texts] == found
    assert not reader.unfinished


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b": keep-alive\n\ndata: x\n\n", [b"x"]),
        (b"event: ping\n\n", []),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"id: 7\nretry: 10\ndata: a\n\n", [b"a"]),
        (b"\n\n\n\ndata: a\n\n", [b"a"]),
        (b"data: a", []),
        (b"data: a\n", []),
    ],
)
def test_forms(stream, events):
    """Comments, names, several data lines and blank lines are read as the format says; half an event is none."""
    assert events == EventReader(1000).feed(stream)


@pytest.mark.parametrize(
    ("stream", "is_error"),
    [
        (b"event: error\ndata: x\n\n", True),
        (b"event:error\r\ndata: x\r\n\r\n", True),
        (b"data: x\nevent: error\n\n", True),
        (b"event: errors\ndata: x\n\n", False),
        (b"event: ping\ndata: x\n\n", False),
        (b": event: error\ndata: x\n\n", False),
        (b"data: x\n\n", False),
    ],
)
def test_an_error_by_name(stream, is_error):
    """An event that is named `error` can be told from others, whatever its data says."""
    found = EventReader(1000).feed(stream)
    assert ([b"x"], [is_error]) == (found, [isinstance(data, ErrorEvent) for data in found])


def test_an_endless_event_is_refused():
    """An event that doesn't end is given up at the limit instead of filling the memory."""
    reader = EventReader(1000)
    for _ in range(10):
        assert [] == reader.feed(b"x" * 100)
    with pytest.raises(EventTooLarge, match="1000 bytes"):
        reader.feed(b"x")
