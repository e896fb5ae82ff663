"""What each fault of bodies does to every vendor's answers, plain and streamed."""

from __future__ import annotations

import json
import zlib

import pytest
from banstorm.fakes import dialects
from banstorm.harness import faults
from banstorm.harness.faults.base import Close, End, Forward, Hang, Host, Pause, Respond, Stall

from .streams import FORMS, WORDS, spoil, text, unspoilt

REFUSED = [("content-type", "application/json")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("keep", "share"), [("50%", 0.5), ("0%", 0.0), ("99%", 0.99)])
def test_truncated_json(form, keep, share):
    """A share of the body's bytes stays, and it is no JSON any more; streams pass."""
    answer = unspoilt(form, stream=False)
    (body,), bites = spoil(answer, "truncated_json", keep=keep)
    assert 1 == bites
    assert answer.pieces[0][: int(len(answer.pieces[0]) * share)] == body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    stream = unspoilt(form)
    assert (stream.pieces, 0) == spoil(stream, "truncated_json", keep=keep)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("stream", "expected"), [(False, []), (True, [End()])])
def test_empty_200(form, stream, expected):
    """Nothing is left of the body; a stream ends at once."""
    steps, bites = spoil(unspoilt(form, stream=stream), "empty_200")
    assert expected == steps
    assert bites


@pytest.mark.parametrize("name", ["truncated_json", "empty_200", "usage_missing", "gzip_broken", "slow_tokens"])
def test_refusals_keep_their_body(name):
    """Faults of answers leave a refusal of the provider's alone."""
    fault, context = faults.find(name)(), unspoilt("openai", stream=False).context
    assert (429, REFUSED) == fault.on_head(context, 429, REFUSED)
    assert fault.body_filter(context, 429, REFUSED) is None


@pytest.mark.parametrize("form", FORMS)
def test_html_200(form):
    """A page comes in place of an answer, and the provider never hears of it."""
    context = unspoilt(form).context
    action = faults.find("html_200").model_validate({"page": "<p>näher</p>"}).on_request(context)
    assert isinstance(action, Respond)
    assert (200, "<p>näher</p>".encode()) == (action.reply.status, action.reply.body)
    assert [("content-type", "text/html; charset=utf-8"), ("content-length", "13")] == action.reply.headers
    assert not faults.find("html_200").reaches_provider


@pytest.mark.parametrize("name", dialects.names())
def test_error_in_200(name):
    """The failure comes in the vendor's words where it has such; elsewhere it is refused by name."""
    dialect, form = dialects.find(name), next(form for form in FORMS if FORMS[form][0] == name)
    fault = faults.find("error_in_200")
    if "error_in_200" not in dialect.failures:
        (reason,) = faults.refusals("error_in_200", dialect, Host.INLINE)
        assert "error_in_200" in reason
        return
    answer = unspoilt(form, stream=False)
    action = fault().on_request(answer.context)
    assert isinstance(action, Respond)
    assert 200 == action.reply.status
    details = {"now_s": answer.context.wall_s}
    assert dialect.failure("error_in_200", details, id_seed=7, ask=answer.ask) == action.reply


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
def test_gzip_that_is_none(form, stream):
    """The head says gzip, and the body is as it was."""
    answer = unspoilt(form, stream=stream)
    status, headers = faults.find("gzip_broken")().on_head(answer.context, 200, answer.headers)
    assert (200, [*answer.headers, ("content-encoding", "gzip")]) == (status, headers)
    assert answer.pieces == spoil(answer, "gzip_broken")[0]
    with pytest.raises(zlib.error):
        zlib.decompressobj(31).decompress(b"".join(answer.pieces))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", ["corrupt", "truncated"])
@pytest.mark.parametrize("after", ["headers", "3 tokens", "100 bytes"])
def test_gzip_that_breaks(form, stream, how, after):
    """What lies before the place can be unpacked; then comes garbage or nothing. The words can still be counted."""
    answer = unspoilt(form, stream=stream)
    steps, _ = spoil(answer, "gzip_broken", how=how, after=after)
    expected = text(spoil(answer, "reset_mid_body", after=after)[0])
    packed, unpacker = text(steps), zlib.decompressobj(31)
    assert expected.count(b"~") == packed.count(b"~")
    assert (End() == steps[-1]) == stream
    if how == "truncated":
        assert expected == unpacker.decompress(packed)
        assert not unpacker.eof
    else:
        assert expected == unpacker.decompress(packed[:-1])
        with pytest.raises(zlib.error, match="invalid block type"):
            unpacker.decompress(packed[-1:])


def test_gzip_stores_any_length():
    """No length of a stored block looks like a word, whatever the body's size."""
    from banstorm.harness.faults.gzip_broken import _stored

    for size in (*range(600), 32_382, 33_000, 65_535, 65_536, 200_000):
        packed = _stored(b"x" * size)
        assert b"~" not in packed
        assert b"x" * size == zlib.decompressobj(-15).decompress(packed)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pieces", [1, 100])
def test_trickle_of_bytes(form, stream, pieces):
    """Every byte comes, so many at a time, each piece after its wait."""
    answer = unspoilt(form, stream=stream)
    steps, _ = spoil(answer, "trickle", what="bytes", pieces=pieces, every="10ms")
    assert text(answer.pieces) == text(steps)
    assert [Pause(0.01)] * (len(steps) // 2) == steps[::2]
    assert all(0 < len(step) <= pieces for step in steps[1::2])


def test_trickle_is_bounded():
    """A body of any size comes in a bounded number of pieces."""
    from banstorm.harness.faults.trickle import PIECES_MAX, _Drops

    steps = _Drops(1, 0.01).feed(b"x" * (PIECES_MAX * 3 + 1))
    assert PIECES_MAX >= len(steps) / 2
    assert b"x" * (PIECES_MAX * 3 + 1) == text(steps)


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith("bedrock")])
@pytest.mark.parametrize("after", ["headers", "3 tokens"])
def test_trickle_of_pings(form, after):
    """From the place on a stream has only pings, which no reader takes for an event with a payload."""
    answer = unspoilt(form)
    steps, _ = spoil(answer, "trickle", after=after, every="2s")
    *passed, stall = steps
    assert (0 if after == "headers" else 3) == text(passed).count(b"~")
    assert isinstance(stall, Stall)
    assert 2.0 == stall.every_s
    payload = answer.payload(stall.beat)
    assert payload is None or {"type": "ping"} == payload
    if form == "anthropic":
        assert stall.beat in answer.pieces
    if form == "openrouter":
        assert stall.beat == answer.pieces[0]
    _, rest = answer.dialect.split_events(text(passed) + stall.beat)
    assert rest == (b"\n" if form == "gemini array" else b"")


@pytest.mark.parametrize("form", FORMS)
def test_pings_before_a_plain_answer(form):
    """A plain answer gets line feeds, with which JSON may begin."""
    steps, _ = spoil(unspoilt(form, stream=False), "trickle")
    assert [Stall(b"\n", 1.0)] == steps


def test_trickle_complains():
    """Binary frames have no pings, and without a wait nothing trickles."""
    fault = faults.find("trickle")
    paths = [each.path for each in fault().complaints(dialects.find("bedrock"))]
    assert [("with", "what")] == paths
    assert [] == list(fault.model_validate({"what": "bytes"}).complaints(dialects.find("bedrock")))
    assert [("with", "every")] == [
        each.path for each in fault.model_validate({"every": "0s"}).complaints(dialects.find("openai"))
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", [False, True])
def test_hang_after_headers(form, stream):
    """Not a byte of the body comes, and the connection stays."""
    assert [Stall()] == spoil(unspoilt(form, stream=stream), "hang_after_headers")[0]


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("slow_upload", {"rate": "2KB/s"}, Forward(0.5)),
        ("slow_upload", {"rate": "500 B/s"}, Forward(2.0)),
        ("slow_upload", {"rate": "1MB/s"}, Forward(0.001)),
        ("connection_reset", {}, Close(reset=True)),
        ("connection_reset", {"how": "close", "delay": "1s"}, Close(reset=False, delay_s=1.0)),
        ("connection_refused", {}, Close(reset=True)),
        ("unreachable", {}, Hang()),
    ],
)
def test_actions(name, parameters, expected):
    """What happens to a request of 1,000 bytes."""
    assert expected == faults.find(name).model_validate(parameters).on_request(unspoilt("openai").context)


@pytest.mark.parametrize("wrong", ["16", "0KB/s", "16 kilobytes", "16kb/s", 16, None])
def test_a_speed_has_its_unit(wrong):
    """A speed without unit, at zero or in other words is refused."""
    with pytest.raises(ValueError, match="16KB/s"):
        faults.find("slow_upload").model_validate({"rate": wrong})


def test_tls_broken_needs_tls():
    """Where no TLS is spoken it is refused by name, and inline in any case."""
    openai = dialects.find("openai")
    (reason,) = faults.refusals("tls_broken", openai, Host.MITMPROXY)
    assert "no TLS is spoken" in reason
    assert [] == faults.refusals("tls_broken", openai, Host.MITMPROXY, tls=True)
    assert any("'inline'" in reason for reason in faults.refusals("tls_broken", openai, Host.INLINE, tls=True))


def test_words_are_as_many_as_the_tests_count():
    """The answers that these tests spoil have that many words."""
    for form in FORMS:
        assert WORDS == text(unspoilt(form).pieces).count(b"~")
