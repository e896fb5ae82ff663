"""The outcome table, row by row, and its precedence."""

import json

import pytest
from banstorm.fakes.answer import TOOL_NAME, Mark, Shape, expected, expected_object, word, words
from banstorm.harness.load.front import Heard
from banstorm.harness.load.outcome import Ending, judge

MS = 1_000_000
TEXT, JSON, TOOL = (Mark("7f3a9c", 12, shape, 6) for shape in (Shape.TEXT, Shape.JSON, Shape.TOOL))
RIGHT = expected(TEXT, "anthropic")
PREFIX = " ".join(words(TEXT, "anthropic")[:3])
STITCHED = " ".join(words(TEXT, "anthropic")[:3] + words(TEXT, "openai")[3:])
FOREIGN = expected(Mark("7f3a9c", 13, Shape.TEXT, 6), "anthropic")
OTHER_RUN = expected(Mark("aaaaaa", 12, Shape.TEXT, 6), "anthropic")
REPEATED = " ".join(words(TEXT, "anthropic")[:3] + words(TEXT, "anthropic")[2:])
SKIPPED = " ".join(words(TEXT, "anthropic")[:2] + words(TEXT, "anthropic")[3:])
FORGED = RIGHT[:-1] + ("0" if RIGHT[-1] != "0" else "1")
OBJECT = json.dumps(expected_object(JSON, "openai"))
STITCHED_OBJECT = json.dumps({"answer": STITCHED, "length": 6})


def said(text="", **fields):
    """An answer with its dialect's proper end."""
    return Heard(text=text, finish=fields.pop("finish", "stop"), ended=fields.pop("ended", True), **fields)


def unended(text="", **fields):
    """A stream whose end never came."""
    return Heard(text=text, ended=False, **fields)


def called(arguments, tool=TOOL_NAME, **fields):
    """A tool call."""
    return Heard(arguments=arguments, tool=tool, finish="tool_calls", ended=fields.pop("ended", True), **fields)


# mark, what was heard, how the transport ended, status, outcome
TABLE = [
    # ok: the right answer
    ("text", TEXT, said(RIGHT), Ending.COMPLETE, 200, "ok"),
    ("text with blanks around", TEXT, said(f"\n {RIGHT} \n"), Ending.COMPLETE, 200, "ok"),
    ("json", JSON, said(OBJECT), Ending.COMPLETE, 200, "ok"),
    (
        "json, other blanks and order",
        JSON,
        said(json.dumps({"length": 6, "answer": RIGHT}, indent=2)),
        Ending.COMPLETE,
        200,
        "ok",
    ),
    ("tool", TOOL, called(OBJECT), Ending.COMPLETE, 200, "ok"),
    ("tool with text beside it", TOOL, called(OBJECT, text="I record it."), Ending.COMPLETE, 200, "ok"),
    ("all words, finish length", TEXT, said(RIGHT, finish="length"), Ending.COMPLETE, 200, "ok"),
    ("all words, clean close without [DONE]", TEXT, unended(RIGHT), Ending.COMPLETE, 200, "ok"),
    ("another 2xx", TEXT, said(RIGHT), Ending.COMPLETE, 203, "ok"),
    # stitched: contiguous, from two providers
    ("two providers", TEXT, said(STITCHED), Ending.COMPLETE, 200, "stitched"),
    ("two providers in an object", JSON, said(STITCHED_OBJECT), Ending.COMPLETE, 200, "stitched"),
    ("two providers in a tool call", TOOL, called(STITCHED_OBJECT), Ending.COMPLETE, 200, "stitched"),
    # the words of another call's mark
    ("another call", TEXT, said(FOREIGN), Ending.COMPLETE, 200, "foreign"),
    ("another run", TEXT, said(OTHER_RUN), Ending.COMPLETE, 200, "foreign"),
    ("another call after a prefix", TEXT, said(f"{PREFIX} {FOREIGN}"), Ending.COMPLETE, 200, "foreign"),
    (
        "another call, as an object",
        JSON,
        said(json.dumps({"answer": FOREIGN, "length": 6})),
        Ending.COMPLETE,
        200,
        "foreign",
    ),
    ("another call beside a right tool call", TOOL, called(OBJECT, text=FOREIGN), Ending.COMPLETE, 200, "foreign"),
    # left: the caller left in mid-stream, as the timeline said
    ("left after a prefix", TEXT, unended(PREFIX), Ending.LEFT, 200, "left"),
    ("left before a word", TEXT, unended(""), Ending.LEFT, 200, "left"),
    ("left without a status", TEXT, unended(""), Ending.LEFT, None, "left"),
    ("left an error", TEXT, Heard(error="http_500"), Ending.LEFT, 500, "left"),
    ("left another call's words", TEXT, unended(FOREIGN), Ending.LEFT, 200, "foreign"),
    # corrupted: places repeat, skip, don't verify; a form nobody asked for
    ("a place repeats", TEXT, said(REPEATED), Ending.COMPLETE, 200, "corrupted"),
    ("a place is skipped", TEXT, said(SKIPPED), Ending.COMPLETE, 200, "corrupted"),
    ("a word does not verify", TEXT, said(FORGED), Ending.COMPLETE, 200, "corrupted"),
    ("a damaged call number", TEXT, said(RIGHT.replace(".12.", ".13.", 1)), Ending.COMPLETE, 200, "corrupted"),
    ("text around the words", TEXT, said(f"Sure! {RIGHT}"), Ending.COMPLETE, 200, "corrupted"),
    ("a notice after a prefix", TEXT, said(f"{PREFIX} [interrupted]"), Ending.COMPLETE, 200, "corrupted"),
    ("quotes around the words", TEXT, said(f'"{RIGHT}"'), Ending.COMPLETE, 200, "corrupted"),
    ("text without a word", TEXT, said("I can't help with that."), Ending.COMPLETE, 200, "corrupted"),
    ("an object without a word", JSON, said("{}"), Ending.COMPLETE, 200, "corrupted"),
    ("text where an object was asked for", JSON, said(RIGHT), Ending.COMPLETE, 200, "corrupted"),
    ("an object in a fence", JSON, said(f"```json\n{OBJECT}\n```"), Ending.COMPLETE, 200, "corrupted"),
    ("a wrong length", JSON, said(json.dumps({"answer": RIGHT, "length": 5})), Ending.COMPLETE, 200, "corrupted"),
    (
        "a further key",
        JSON,
        said(json.dumps({"answer": RIGHT, "length": 6, "x": 1})),
        Ending.COMPLETE,
        200,
        "corrupted",
    ),
    ("a list of words", JSON, said(json.dumps([PREFIX])), Ending.COMPLETE, 200, "corrupted"),
    (
        "a closed object that does not parse",
        JSON,
        said(f'{{"answer": "{PREFIX}",}}'),
        Ending.COMPLETE,
        200,
        "corrupted",
    ),
    ("another tool", TOOL, called(OBJECT, tool="other"), Ending.COMPLETE, 200, "corrupted"),
    ("two tool calls", TOOL, called(OBJECT * 2), Ending.COMPLETE, 200, "corrupted"),
    ("text instead of a tool call", TOOL, said(OBJECT), Ending.COMPLETE, 200, "corrupted"),
    ("a tool call instead of text", TEXT, called(RIGHT), Ending.COMPLETE, 200, "corrupted"),
    ("a tool call instead of an object", JSON, called(OBJECT), Ending.COMPLETE, 200, "corrupted"),
    ("an event that is no JSON", TEXT, unended(PREFIX, malformed="malformed_event"), Ending.COMPLETE, 200, "corrupted"),
    ("a page", TEXT, said("<html>hello</html>", malformed="malformed_body"), Ending.COMPLETE, 200, "corrupted"),
    # truncated: a valid prefix that ended as a success
    ("a prefix", TEXT, said(PREFIX), Ending.COMPLETE, 200, "truncated"),
    ("a prefix, torn in a word", TEXT, said(RIGHT[:50]), Ending.COMPLETE, 200, "truncated"),
    ("a prefix, clean close without [DONE]", TEXT, unended(PREFIX), Ending.COMPLETE, 200, "truncated"),
    ("a prefix, finish content_filter", TEXT, said(PREFIX, finish="content_filter"), Ending.COMPLETE, 200, "truncated"),
    ("a prefix from two providers", TEXT, said(" ".join(STITCHED.split()[:5])), Ending.COMPLETE, 200, "truncated"),
    ("nothing", TEXT, said(""), Ending.COMPLETE, 200, "truncated"),
    ("blanks", TEXT, said(" \n"), Ending.COMPLETE, 200, "truncated"),
    ("no tool call and no text", TOOL, said(""), Ending.COMPLETE, 200, "truncated"),
    ("an object cut in a word", JSON, said(OBJECT[:60]), Ending.COMPLETE, 200, "truncated"),
    (
        "an object cut after its last word",
        JSON,
        said(OBJECT[: OBJECT.index('", "length')]),
        Ending.COMPLETE,
        200,
        "truncated",
    ),
    ("an object cut before its first word", JSON, said('{"answer": "'), Ending.COMPLETE, 200, "truncated"),
    (
        "a whole object with fewer words",
        JSON,
        said(json.dumps({"answer": PREFIX, "length": 6})),
        Ending.COMPLETE,
        200,
        "truncated",
    ),
    ("arguments cut", TOOL, called(OBJECT[:60]), Ending.COMPLETE, 200, "truncated"),
    ("a 200 whose body is an error", TEXT, said("", error="overloaded_error"), Ending.COMPLETE, 200, "truncated"),
    # shortened: a valid prefix with finish length that nobody asked for
    ("a prefix, finish length", TEXT, said(PREFIX, finish="length"), Ending.COMPLETE, 200, "shortened"),
    ("an object, finish length", JSON, said(OBJECT[:60], finish="length"), Ending.COMPLETE, 200, "shortened"),
    ("nothing, finish length", TEXT, said("", finish="length"), Ending.COMPLETE, 200, "shortened"),
    # error: a non-2xx status or a proper in-stream error, whatever prefix came before
    ("a 500", TEXT, Heard(text='{"error": {}}', error="server_error"), Ending.COMPLETE, 500, "error"),
    ("a 429 that shows the mark", TEXT, Heard(text=TEXT.render()), Ending.COMPLETE, 429, "error"),
    ("a page with a tilde", TEXT, Heard(text="~nobody"), Ending.COMPLETE, 502, "error"),
    ("a redirect", TEXT, Heard(), Ending.COMPLETE, 302, "error"),
    ("a 500 whose body broke", TEXT, Heard(), Ending.CLOSED, 500, "error"),
    ("an error in a stream, first", TEXT, unended(error="overloaded_error"), Ending.COMPLETE, 200, "error"),
    ("an error in a stream after a prefix", TEXT, unended(PREFIX, error="x"), Ending.COMPLETE, 200, "error"),
    ("an error in a stream after all words", TEXT, unended(RIGHT, error="x"), Ending.COMPLETE, 200, "error"),
    (
        "nothing, and it says that the model declined",
        TEXT,
        said("", finish="content_filter"),
        Ending.COMPLETE,
        200,
        "error",
    ),
    ("no call, and it says so in Anthropic's words", TOOL, said("", finish="refusal"), Ending.COMPLETE, 200, "error"),
    # refused: connection refused or reset
    ("no connection", TEXT, Heard(), Ending.REFUSED, None, "refused"),
    ("reset before a status", TEXT, Heard(), Ending.RESET, None, "refused"),
    ("closed before a status", TEXT, Heard(), Ending.CLOSED, None, "refused"),
    ("not HTTP", TEXT, Heard(), Ending.GARBLED, None, "refused"),
    ("a prefix, then a reset", TEXT, unended(PREFIX), Ending.RESET, 200, "refused"),
    ("a prefix, then a close mid-body", TEXT, unended(PREFIX), Ending.CLOSED, 200, "refused"),
    ("all words, then a reset", TEXT, unended(RIGHT), Ending.RESET, 200, "refused"),
    # hung: nothing terminal by give_up
    ("no status by give-up", TEXT, Heard(), Ending.GAVE_UP, None, "hung"),
    ("a prefix by give-up", TEXT, unended(PREFIX), Ending.GAVE_UP, 200, "hung"),
    ("all words and no end by give-up", TEXT, unended(RIGHT), Ending.GAVE_UP, 200, "hung"),
    ("half an error body by give-up", TEXT, Heard(), Ending.GAVE_UP, 500, "hung"),
    # ours
    ("our in-flight cap", TEXT, Heard(), Ending.UNSENT, None, "unsent"),
    ("the run was stopped", TEXT, unended(PREFIX), Ending.STOPPED, 200, "unknown"),
    # the design's precedence, where two rows fit
    ("foreign before corrupted", TEXT, said(f"{FOREIGN} {REPEATED}"), Ending.COMPLETE, 200, "foreign"),
    ("foreign after corrupted", TEXT, said(f"{REPEATED} {FOREIGN}"), Ending.COMPLETE, 200, "foreign"),
    ("foreign before stitched", TEXT, said(f"{STITCHED} {FOREIGN}"), Ending.COMPLETE, 200, "foreign"),
    ("foreign before shortened", TEXT, said(FOREIGN, finish="length"), Ending.COMPLETE, 200, "foreign"),
    ("foreign before error", TEXT, unended(FOREIGN, error="x"), Ending.COMPLETE, 200, "foreign"),
    ("foreign in a refusal's body", TEXT, Heard(text=FOREIGN), Ending.COMPLETE, 500, "foreign"),
    ("foreign before refused", TEXT, unended(FOREIGN), Ending.RESET, 200, "foreign"),
    ("foreign before hung", TEXT, unended(FOREIGN), Ending.GAVE_UP, 200, "foreign"),
    ("corrupted before shortened", TEXT, said(REPEATED, finish="length"), Ending.COMPLETE, 200, "corrupted"),
    ("corrupted before error", TEXT, unended(REPEATED, error="x"), Ending.COMPLETE, 200, "corrupted"),
    ("corrupted before refused", TEXT, unended(REPEATED), Ending.RESET, 200, "corrupted"),
    ("corrupted before hung", TEXT, unended(REPEATED), Ending.GAVE_UP, 200, "corrupted"),
    ("stitched before error", TEXT, unended(STITCHED, error="x"), Ending.COMPLETE, 200, "stitched"),
    ("stitched before refused", TEXT, unended(STITCHED), Ending.RESET, 200, "stitched"),
]


def verdict(mark, heard, ending, status, latency_ms=10, **options):
    """Judge with a deadline of 1 s."""
    return judge(mark, heard, ending, status, latency_ns=latency_ms * MS, deadline_ns=1000 * MS, **options)


@pytest.mark.parametrize(
    ("mark", "heard", "ending", "status", "outcome"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_the_outcome_table(mark, heard, ending, status, outcome):
    """Each row of the table has its outcome; only `ok` is good, in time or not at all."""
    judged = verdict(mark, heard, ending, status)
    assert judged.outcome == outcome
    assert judged.good == (outcome == "ok")


@pytest.mark.parametrize(
    ("mark", "heard", "ending", "status", "outcome"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE]
)
def test_late_comes_last(mark, heard, ending, status, outcome):
    """Past the deadline a right answer is `late`; every other outcome stays what it is."""
    judged = verdict(mark, heard, ending, status, latency_ms=1001)
    assert judged.outcome == ("late" if outcome == "ok" else outcome)
    assert not judged.good


def test_an_answer_at_the_deadline_is_in_time():
    """The deadline itself still counts."""
    assert verdict(TEXT, said(RIGHT), Ending.COMPLETE, 200, latency_ms=1000).outcome == "ok"


def test_the_table_covers_every_outcome():
    """Each outcome of the ledger has its row, `late` its own test."""
    from banstorm.reports.tables import OUTCOMES

    assert {row[5] for row in TABLE} | {"late"} == set(OUTCOMES)


@pytest.mark.parametrize(
    ("heard", "ending", "latency_ms", "outcome", "good"),
    [
        (said(STITCHED), Ending.COMPLETE, 10, "stitched", True),
        (said(STITCHED), Ending.COMPLETE, 1001, "late", False),
        (unended(STITCHED, error="x"), Ending.COMPLETE, 10, "error", False),
        (unended(STITCHED), Ending.RESET, 10, "refused", False),
        (unended(STITCHED), Ending.GAVE_UP, 10, "hung", False),
        (said(REPEATED), Ending.COMPLETE, 10, "corrupted", False),
        (said(PREFIX), Ending.COMPLETE, 10, "truncated", False),
        (said(RIGHT), Ending.COMPLETE, 10, "ok", True),
    ],
)
def test_continuation_makes_a_stitched_answer_good_and_nothing_else(heard, ending, latency_ms, outcome, good):
    """Where the scenario allows continuation a stitched answer is right, if it also ended well and in time."""
    judged = verdict(TEXT, heard, ending, 200, latency_ms, allow_continuation=True)
    assert (judged.outcome, judged.good) == (outcome, good)


@pytest.mark.parametrize(
    ("heard", "ending", "status", "terminated"),
    [
        (said(RIGHT), Ending.COMPLETE, 200, True),
        (said(PREFIX), Ending.COMPLETE, 200, True),
        (said("<html>", malformed="malformed_body"), Ending.COMPLETE, 200, True),
        (unended(RIGHT), Ending.COMPLETE, 200, False),
        (unended(PREFIX, error="x"), Ending.COMPLETE, 200, False),
        (said(RIGHT), Ending.COMPLETE, 500, False),
        (said(RIGHT), Ending.CLOSED, 200, False),
        (unended(RIGHT), Ending.RESET, 200, False),
        (Heard(), Ending.REFUSED, None, False),
    ],
)
def test_terminated_says_that_the_ending_was_proper(heard, ending, status, terminated):
    """A success status, a whole message and the dialect's own end: only then could a caller take it for a success."""
    assert verdict(TEXT, heard, ending, status).terminated == terminated


def test_a_verdict_names_who_wrote_the_words_and_how_many_held():
    """Provider and places come from the watermark, a stitched answer names both."""
    whole, cut, two = (verdict(TEXT, said(text), Ending.COMPLETE, 200) for text in (RIGHT, PREFIX, STITCHED))
    assert (whole.provider, whole.places) == ("anthropic", 6)
    assert (cut.provider, cut.places) == ("anthropic", 3)
    assert (two.provider, two.places) == ("anthropic+openai", 6)
    assert verdict(TEXT, said(""), Ending.COMPLETE, 200).provider is None


def test_equal_answers_have_equal_hashes_and_others_have_not():
    """The hash tells answers apart, and a refusal has none."""
    first = verdict(TEXT, said(RIGHT), Ending.COMPLETE, 200).answer_hash
    assert first == verdict(TEXT, said(RIGHT), Ending.COMPLETE, 200).answer_hash
    assert first != verdict(TEXT, said(PREFIX), Ending.COMPLETE, 200).answer_hash
    assert verdict(TEXT, Heard(text="no"), Ending.COMPLETE, 500).answer_hash is None


def test_the_error_column_names_the_answers_error_else_the_transports():
    """What the answer said of itself comes first, then how the transport ended, then nothing."""
    assert verdict(TEXT, Heard(error="invalid_api_key"), Ending.COMPLETE, 401).error == "invalid_api_key"
    assert verdict(TEXT, unended(PREFIX), Ending.RESET, 200).error == "reset"
    assert verdict(TEXT, said("", finish="content_filter"), Ending.COMPLETE, 200).error == "content_filter"
    assert verdict(TEXT, said(PREFIX, finish="content_filter"), Ending.COMPLETE, 200).error is None
    assert verdict(TEXT, said(RIGHT), Ending.COMPLETE, 200).error is None


def test_a_single_word_answer_can_be_right_and_can_be_foreign():
    """The shortest answer is judged as any other."""
    mark = Mark("7f3a9c", 1, Shape.TEXT, 1)
    assert verdict(mark, said(word(mark, "p", 1)), Ending.COMPLETE, 200).outcome == "ok"
    assert (
        verdict(mark, said(word(Mark("7f3a9c", 11, Shape.TEXT, 1), "p", 1)), Ending.COMPLETE, 200).outcome == "foreign"
    )
