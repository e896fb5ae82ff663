from __future__ import annotations

import json
import string

import pytest
from banstorm.fakes.answer import (
    ANSWER_SCHEMA,
    Mark,
    Reading,
    Shape,
    expected,
    expected_object,
    find_mark,
    inspect,
    word,
    words,
)
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

MARK = Mark("7f3a9c", 12, Shape.TEXT, 24)
marks = st.builds(
    Mark,
    run=st.text("0123456789abcdef", min_size=6, max_size=6),
    call=st.integers(0, 10**9 - 1),
    shape=st.sampled_from(Shape),
    words=st.integers(1, 40),
)
providers = st.from_regex(r"[a-z][a-z0-9_-]{0,11}", fullmatch=True)


@given(marks, st.text(), st.text())
def test_mark_is_found_wherever_it_stands(mark: Mark, before: str, after: str) -> None:
    """A mark is read back from the middle of any prompt."""
    assert find_mark(before + mark.render() + after) == mark


def test_last_mark_wins() -> None:
    """Of two marks the later one counts: an earlier one belongs to a question that is over."""
    other = Mark("7f3a9c", 13, Shape.JSON, 3)
    assert find_mark(f"{MARK.render()} and then {other.render()}") == other


@given(marks, st.data())
def test_damaged_mark_is_none(mark: Mark, data: st.DataObject) -> None:
    """A mark with one letter changed is no mark (its checksum fails), unless only its form is untouched."""
    text = mark.render()
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from([each for each in string.hexdigits.lower() + ".x" if each != text[place]]))
    assert find_mark(text[:place] + letter + text[place + 1 :]) is None


@pytest.mark.parametrize("count", [0, 4097])
def test_mark_out_of_bounds_is_none(count: int) -> None:
    """A mark that asks for no words, or for more than the limit, is not taken."""
    assert find_mark(Mark("7f3a9c", 1, Shape.TEXT, count).render()) is None


@given(marks, providers)
def test_canonical_answers_are_exact(mark: Mark, provider: str) -> None:
    """The canonical text and the canonical object's JSON both read as exact, by the provider that wrote them."""
    for text in (expected(mark, provider), json.dumps(expected_object(mark, provider))):
        reading = inspect(text, mark)
        assert (reading.reading, reading.places, reading.providers) == (Reading.EXACT, mark.words, (provider,))


@given(marks, providers)
def test_object_satisfies_its_schema(mark: Mark, provider: str) -> None:
    """The canonical object is what the schema of JSON and tool answers asks for."""
    validate(expected_object(mark, provider), ANSWER_SCHEMA)


@given(marks, providers, st.data())
def test_cut_anywhere_is_a_prefix(mark: Mark, provider: str, data: st.DataObject) -> None:
    """An answer cut at any letter, in the middle of a word too, is a prefix with exactly the whole words counted."""
    text = expected(mark, provider)
    kept = text[: data.draw(st.integers(0, len(text) - 1))]
    reading = inspect(kept, mark)
    whole = sum(1 for each in kept.split() if each in set(words(mark, provider)))
    assert (reading.reading, reading.places) == (Reading.PREFIX, whole)


@given(marks.filter(lambda mark: mark.words > 1), providers, providers, st.data())
def test_two_writers_are_stitched(mark: Mark, first: str, second: str, data: st.DataObject) -> None:
    """Every place once and in order, but from two providers, reads as stitched and names both."""
    if first == second:
        return
    at = data.draw(st.integers(1, mark.words - 1))
    text = " ".join([*words(mark, first)[:at], *words(mark, second)[at:]])
    reading = inspect(text, mark)
    assert (reading.reading, reading.providers) == (Reading.STITCHED, (first, second))


@given(marks, marks, providers)
def test_another_calls_words_are_foreign(mark: Mark, other: Mark, provider: str) -> None:
    """An answer to another call, or of another run, reads as foreign."""
    if (mark.run, mark.call) == (other.run, other.call):
        return
    assert inspect(expected(other, provider), mark).reading is Reading.FOREIGN


@given(marks.filter(lambda mark: mark.words > 2), providers, st.data())
def test_skipped_doubled_and_swapped_words_are_corrupted(mark: Mark, provider: str, data: st.DataObject) -> None:
    """A word that is missing from the middle, comes twice, or stands in another's place is never overlooked."""
    said = words(mark, provider)
    at = data.draw(st.integers(0, mark.words - 2))
    skipped = [*said[:at], *said[at + 1 :]]
    doubled = [*said[: at + 1], *said[at:]]
    swapped = [*said[:at], said[at + 1], said[at], *said[at + 2 :]]
    for wrong in (skipped, doubled, swapped):
        assert inspect(" ".join(wrong), mark).reading is Reading.CORRUPTED


@given(marks.filter(lambda mark: mark.words > 1), providers, st.data())
def test_changed_letter_is_noticed(mark: Mark, provider: str, data: st.DataObject) -> None:
    """One letter changed in any word but the last is never read as exact, nor as an honest prefix."""
    said = words(mark, provider)
    at = data.draw(st.integers(0, mark.words - 2))
    place = data.draw(st.integers(1, len(said[at]) - 1))
    letter = data.draw(st.sampled_from([each for each in "0123456789abcdef" if each != said[at][place]]))
    said[at] = said[at][:place] + letter + said[at][place + 1 :]
    assert inspect(" ".join(said), mark).reading in {Reading.CORRUPTED, Reading.FOREIGN}


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("", Reading.PREFIX),
        ("  \n", Reading.PREFIX),
        ("I can't help with that.", Reading.CORRUPTED),
        (expected(MARK, "openai") + " " + word(MARK, "openai", 24), Reading.CORRUPTED),
        (expected(MARK, "openai").replace("~7f3a9c", "~~7f3a9c", 1), Reading.CORRUPTED),
    ],
)
def test_odd_texts(text: str, reading: Reading) -> None:
    """Nothing at all is a prefix of everything; words that nobody sent are corruption."""
    assert inspect(text, MARK).reading is reading


@given(marks, st.text())
def test_inspect_takes_anything(mark: Mark, text: str) -> None:
    """No text makes the inspection fail, and none but the words reads as exact."""
    assert inspect(text, mark).reading is not Reading.EXACT
