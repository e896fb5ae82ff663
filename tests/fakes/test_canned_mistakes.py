"""What is said of a file of canned answers that has a mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from banstorm.fakes.canned import FIGURE_MAX, RULES_MAX, CannedAnswers, CannedError
from banstorm.fakes.canned_document import BYTES_MAX, parse
from banstorm.fakes.dialects import find, names
from banstorm.fakes.dialects.base import Answer, Ask, Reply
from hypothesis import given
from hypothesis import strategies as st

DIALECTS = {name: find(name) for name in names()}
ASK = Ask("gpt-5.4-mini", stream=False, text="Is there a refund?", mark=None, input_tokens=11)


def canned(text: str, *served: str) -> CannedAnswers:
    """The rules in `text`, for these providers, or for all."""
    return CannedAnswers.build(parse(text, "answers.yaml"), {name: DIALECTS[name] for name in served or DIALECTS})


MISTAKES = [
    # the file, where, what was found, what is advised
    ("", ":1", "a list of rules, found nothing", "dash"),
    ("text: a", ":1", "found a mapping with 'text'", "dash"),
    ("- text: a\n- hello", ":2, [1]", "found the text 'hello'", "key: value"),
    ("- txt: a", ":1, [0].txt", "unknown key 'txt'", "did you mean 'text'?"),
    ("- text: a\n  when:\n    modle: b", ":3, [0].when.modle", "unknown key 'modle'", "did you mean 'model'?"),
    ("- when: {}", ":1, [0]", "expected one of failure, json, text, tool, found none", "keep one"),
    ("- text: a\n  json: {}", ":1, [0]", "found json and text", "keep one"),
    ("- text: 12", ":1, [0].text", "expected a text, found 12", "quotes"),
    ("- text: true", ":1, [0].text", "found true", "quotes"),
    ("- json: 5", ":1, [0].json", "a mapping or a list", "`text`"),
    ("- json: {a: .inf}", ":1, [0].json.a", "a number that JSON doesn't have", "quotes"),
    ("- json: {a: 99999999999999999999}", ":1, [0].json.a", "more than 63 bits", "quotes"),
    ("- json: {a: !!binary aGk=}", ":1, [0].json.a", "a bytes", "quotes"),
    ("- json: {? [a] : b}", ":1, [0].json.?", "a key must be a plain word", "write the keys out"),
    ('- json: {"\\ud800": b}', ":1, [0].json.", "a key must be a plain word", "write the keys out"),
    ('- text: "\\ud800"', ":1, [0].text", "half a character", "whole characters"),
    ("- text: a\n  text: b", ":2, [0].text", "stands twice", "remove one"),
    ("- tool: {arguments: {}}", ":1, [0].tool", "without a name", "`name`"),
    (
        "- tool: {name: f, arguments: [1]}",
        ":1, [0].tool.arguments",
        "a mapping of arguments, found a list of 1",
        "name",
    ),
    ('- tool: {name: ""}', ":1, [0].tool.name", "a letter or more", "leave the key out"),
    ("- {text: a, finish: lenght}", ":1, [0].finish", "one of length, stop, found the text 'lenght'", "'length'"),
    ("- {tool: {name: f}, finish: stop}", ":1, [0].finish", "one of length, tool", "did you mean 'tool'?"),
    ("- {failure: overloaded, finish: stop}", ":1, [0].finish", "a failure has no 'finish'", "leave it out"),
    ("- {text: a, usage: {output_tokens: -1}}", ":1, [0].usage.output_tokens", "from 0 to", "such a number"),
    ("- {text: a, usage: {outputtokens: 1}}", ":1, [0].usage.outputtokens", "unknown key", "'output_tokens'"),
    (f"- {{text: a, when: {{nth: {FIGURE_MAX + 1}}}}}", ":1, [0].when.nth", f"from 1 to {FIGURE_MAX}", "such a number"),
    ("- {text: a, when: {every: true}}", ":1, [0].when.every", "found true", "such a number"),
    ("- {text: a, when: {every: 2, nth: 1}}", ":1, [0].when", "found every and nth", "keep one"),
    ("- {text: a, when: {stream: yes}}", ":1, [0].when.stream", "true or false, found the text 'yes'", "quotes"),
    ("- {text: a, when: {tools: 3}}", ":1, [0].when.tools", "true or false or a tool's name, found 3", "quotes"),
    ("- {text: a, when: {provider: opnai}}", ":1, [0].when.provider", "found the text 'opnai'", "'openai'"),
    ("- {text: a, when: {provider: [a]}}", ":1, [0].when.provider", "found a list of 1", "use one of"),
    ("- {text: a, when: {operation: embeddings}}", ":1, [0].text", "only 'chat' has answers", "give a failure"),
    ("- failure: rate_limitd", ":1, [0].failure", "no failure 'rate_limitd'", "did you mean 'rate_limited'?"),
    ("- failure: {kind: ovrloaded}", ":1, [0].failure.kind", "no failure 'ovrloaded'", "'overloaded'"),
    ("- failure: {retry_after: 3}", ":1, [0].failure", "a kind of failure", "`kind`"),
    ("- {failure: daily_limited, when: {provider: anthropic}}", ":1, [0].failure", "with anthropic", "did you mean"),
    (
        "- failure: {kind: rate_limited, retry_aftr: 3}",
        ":1, [0].failure.retry_aftr",
        "takes no detail",
        "'retry_after'",
    ),
    (
        "- failure: {kind: rate_limited, retry_after: [3]}",
        ":1, [0].failure.retry_after",
        "a text or a number",
        "plainly",
    ),
    ('- failure: {kind: rate_limited, retry_after: "1\\r\\nx: y"}', ":1, [0].failure.kind", "header", "mend"),
    ("- failure: {kind: bad_key, variant: nothing}", ":1, [0].failure.variant", "no variant 'nothing'", "mend"),
    ("- [", ":1", "no valid YAML", "mend that line"),
    ("- text: a\n b: c", ":2", "no valid YAML", "mend that line"),
    ("- text: !!python/name:os.system a", ":1", "no valid YAML", "mend that line"),
    ("- json: " + "[" * 40 + "]" * 40, ":1, [0].json[0]", "32 levels", "without aliases"),
    ("[" * 5_000, ":1", "too deeply nested", "mend the syntax"),
    ("- json: {a: &x [*x]}", ":1, [0].json.a", "32 levels", "without aliases"),
    ("- text: a\n" * (RULES_MAX + 1), ":1", f"at most {RULES_MAX} rules", "a file each"),
]


@pytest.mark.parametrize(("text", "where", "what", "advice"), MISTAKES)
def test_mistakes_are_located(text: str, where: str, what: str, advice: str):
    """A mistake names the file, the line and the key, what was found and expected, and the nearest valid name."""
    with pytest.raises(CannedError) as caught:
        canned(text)
    assert caught.value.where.startswith("answers.yaml" + where)
    assert what in caught.value.what
    assert advice in caught.value.advice


def test_a_bomb_of_aliases_is_refused():
    """A short file that would unfold to billions of values is refused by their number."""
    levels = "".join(f"- &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(CannedError, match="50000 values"):
        canned(f"- &l0 [a, a]\n{levels}")


@pytest.mark.parametrize(
    ("data", "what"),
    [(None, "can't be read: no such file"), (b"\xff\xfe", "no UTF-8 text"), (b" " * (BYTES_MAX + 1), "larger than")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, data: bytes | None, what: str):
    """The file's name and the reason are told."""
    path = tmp_path / "answers.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CannedError, match=what) as caught:
        CannedAnswers.load(path, DIALECTS)
    assert str(path) == caught.value.where


def test_a_file_that_is_well(tmp_path: Path):
    """A file is read as it lies on the disk, from the folder of whoever asks."""
    path = tmp_path / "answers.yaml"
    path.write_text("# nothing else\n- text: h\u00e9llo\n", "utf-8")
    heard = CannedAnswers.load(path, DIALECTS).answer(ASK, "openai", id_seed=1, created_s=1)
    assert isinstance(heard, Answer)
    assert "h\u00e9llo" == heard.text


_KEYS = st.sampled_from(
    [
        *("when", "text", "json", "tool", "failure", "finish", "usage", "name", "arguments", "kind", "retry_after"),
        *("contains", "equals", "like", "model", "provider", "stream", "tools", "nth", "every", "variant"),
    ]
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["openai", "length", "stop", "rate_limited", "overloaded", "chat", "embeddings"])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def _rules(text: str) -> CannedAnswers | CannedError:
    try:
        return canned(text, "openai", "anthropic")
    except CannedError as error:
        return error


def _loads_or_says_where(text: str) -> None:
    rules = _rules(text)
    if isinstance(rules, CannedError):
        assert re.match(r"answers\.yaml:\d+(, .+)?", rules.where, re.DOTALL)
        assert rules.what
        assert rules.advice
        return
    for name in ("openai", "anthropic"):
        heard = rules.answer(ASK, name, id_seed=1, created_s=1)
        if isinstance(heard, Answer):
            DIALECTS[name].write(ASK, heard)
        else:
            assert heard is None or isinstance(heard, Reply)


@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=4), max_size=3) | _VALUES)
def test_any_document_loads_or_fails_with_a_place(document: Any):
    """Whatever YAML can hold either becomes rules that answer, or is refused with file, line and advice."""
    _loads_or_says_where(yaml.safe_dump(document, allow_unicode=True))


@given(st.text(st.sampled_from("-: {}[]\"'*&!|>\n\\tfailureextwhn1.#%?,\x00\x85"), max_size=60) | st.text(max_size=40))
def test_any_text_loads_or_fails_with_a_place(text: str):
    """What is no YAML at all is refused in the same way."""
    _loads_or_says_where(text)
