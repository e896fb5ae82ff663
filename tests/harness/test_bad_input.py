"""Whatever stands in a scenario file: a valid one plans, any other is refused with its place, none ends in a traceback.

Documents are drawn by hand-made strategies that know what may stand together, and each is held against the published
JSON Schema: a valid one satisfies it, a malformed one is a valid one that was damaged until the schema refused it.
Both go through the command line's own entry; only what would start processes is taken out.
"""

from __future__ import annotations

import contextlib
import copy
import io
import random
import sys
from typing import Any

import jsonschema
import pytest
import yaml
from banstorm.fakes import dialects
from banstorm.harness import cli, command_run, faults, happenings
from banstorm.harness import schema as schemas
from banstorm.harness.faults.base import Host
from banstorm.harness.registry import registry
from banstorm.scenarios import library
from banstorm.scenarios.document import Document
from banstorm.scenarios.problems import ScenarioError
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st

DIALECTS = ("anthropic", "openai", "gemini")
VALID_SCENARIOS = 1000
MALFORMED_SCENARIOS = 2000
DAMAGES = 8
"""Malformed scenarios made of each valid one that is drawn."""
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "junk",
    "5",
    "-1s",
    "5 parsecs",
    "1s\n",
    "150%",
    "0/s",
    "~~~",
    "9" * 400,
    "\x00\ud7ff💥",
    [],
    {},
    [1, [2]],
    {"a": 1},
    {"from": "0%"},
    [None],
)

EXPECTED: tuple[dict[str, Any], ...] = (
    {"lost_calls": 0},
    {"lost_calls": "<= 5%", "switch_gap": {"p95": "<= 1s"}},
    {"availability": ">= 99%"},
)
SCRIBBLES = ("", "\t", "\x00", ": ", "- ", "{", "[", "&a *a", "!!python/object:os.system", "%", "'", "\ud800", "---\n")

_QUICK = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def _document(entry: dict[str, Any] | None, dialect: str) -> dict[str, Any]:
    return {
        "version": 1,
        "title": "t",
        "story": "s",
        "source": "x",
        "seed": 1,
        "providers": {"p": {"dialect": dialect, "model": "m"}},
        "load": {"rate": "10/s", "duration": "10s"},
        "timeline": [] if entry is None else [entry],
        "expect": {"lost_calls": 0},
    }


def _usable(entry: dict[str, Any], dialect: str) -> bool:
    try:
        library.check_document(Document("file.yaml", _document(entry, dialect)), registry())
    except ScenarioError:
        return False
    return True


def _playable(kind: str, names: list[str]) -> dict[str, list[tuple[str, bool]]]:
    """For each dialect: what may be played as it is, and whether any selector may narrow it down."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for dialect in DIALECTS:
        for name in names:
            entry = {"at": "1s", "until": "2s", "on": "p", kind: name}
            if kind == "fault" and faults.refusals(name, dialects.find(dialect), Host.MITMPROXY):
                continue
            if _usable(entry, dialect):
                found.setdefault(dialect, []).append((name, _usable(entry | {"nth": 1, "stream": True}, dialect)))
    return found


FAULTS = _playable("fault", list(registry().faults))
STANDINGS = _playable("standing", list(registry().standings))
VALIDATOR = jsonschema.Draft202012Validator(schemas.schema())


def _times(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(round(low * 100), round(high * 100)).map(lambda each: each / 100)


def _told(seconds: float) -> str:
    return f"{seconds:g}s" if round(seconds * 100) % 2 else f"{round(seconds * 1000)}ms"


_percent = st.integers(1, 100).map("{}%".format)


@st.composite
def _load(draw: st.DrawFn) -> dict[str, Any]:
    rates = st.sampled_from(["10/s", "600/m", "0.5/s", "99.5 / s"])
    steps = [{"at": "0s", "rate": draw(rates)}, {"at": "2s", "rate": draw(rates), "over": "1s"}]
    load: dict[str, Any] = {"rate": draw(st.sampled_from([steps, draw(rates)])), "duration": "20s"}
    sizes = ["12 tokens", "1 token", {"p50": "24 tokens", "p95": "200 tokens"}]
    optional: dict[str, st.SearchStrategy[Any]] = {
        "arrivals": st.sampled_from(["poisson", "constant"]),
        "callers": st.sampled_from([1, 40_000, {"count": 40_000, "zipf": 1.1}, {"count": 3}]),
        "warmup": _times(0, 3).map(_told),
        "stream": _percent,
        "shapes": st.sampled_from([{"text": 7, "json": 2, "tools": 1}, {"json": 1}]),
        "answer": st.sampled_from(sizes),
        "prompt": st.sampled_from(sizes),
        "deadline": _times(0.1, 5).map(_told),
        "continuation": st.booleans(),
        "bursts": st.just([{"at": "3s", "for": "200ms", "by": "4x", "every": "2s"}]),
    }
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        load[name] = draw(optional[name])
    return load


@st.composite
def _entry(draw: st.DrawFn, providers: dict[str, Any], from_s: float) -> dict[str, Any]:
    """An entry in the two seconds after `from_s`, so that none overlaps another."""
    at_s = from_s + draw(_times(0, 0.8))
    entry: dict[str, Any] = {"at": _told(at_s)}
    kind = draw(st.sampled_from(["fault", "fault", "fault", "standing", "event"]))
    if kind == "event":
        name = draw(st.sampled_from(happenings.names()))
        entry["event"] = name
        if happenings.find(name).lasts:
            entry["until"] = _told(at_s + 0.5)
        return entry
    entry["until"] = _told(at_s + draw(_times(0.5, 1)))
    provider = draw(st.sampled_from(sorted(providers)))
    name, selects = draw(st.sampled_from((FAULTS if kind == "fault" else STANDINGS)[providers[provider]["dialect"]]))
    entry |= {"on": draw(st.sampled_from([provider, [provider]])), kind: name}
    if kind == "fault" and selects:
        narrower: dict[str, st.SearchStrategy[Any]] = {
            "share": st.one_of(_percent, st.just({"from": "0%", "to": "90%"})),
            "share_of": st.sampled_from(["request", "call", "credential", "caller"]),
            "every": st.just("100ms"),
            "model": st.just("m"),
            "stream": st.booleans(),
            "path": st.just("/v1"),
            "region": st.just("eu-west-1"),
            "header": st.just({"x-team": "b*"}),
            "nth": st.sampled_from([1, [2, 3]]),
            "attempt": st.just(1),
        }
        for key in draw(st.sets(st.sampled_from(sorted(narrower)), max_size=4)):
            entry[key] = draw(narrower[key])
    return entry


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """A valid scenario."""
    names = draw(st.lists(st.sampled_from(["alpha", "b-2", "c_3"]), min_size=1, max_size=3, unique=True))
    speeds = {"ttft": ["120ms", {"p50": "300ms", "p95": "1.2s"}], "tokens_per_second": [80, {"p5": 30, "p50": 80}]}
    providers = {}
    for name in names:
        provider: dict[str, Any] = {"dialect": draw(st.sampled_from(DIALECTS)), "model": "m"}
        provider |= {key: draw(st.sampled_from(values)) for key, values in speeds.items() if draw(st.booleans())}
        providers[name] = provider
    count = draw(st.integers(0, 4))
    return _document(None, "openai") | {
        "title": draw(st.text("abc äß💥", min_size=1, max_size=20)),
        "seed": draw(st.integers(0, 2**53 - 1)),
        "providers": providers,
        "load": draw(_load()),
        "timeline": [draw(_entry(providers, 1 + 2.0 * turn)) for turn in range(count)],
        "expect": draw(st.sampled_from(EXPECTED)),
    }


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each value in a document."""
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _places(inner, (*path, index))
    return found


def _damaged(document: dict[str, Any], chance: random.Random) -> Any:
    """The document with one thing wrong: a value that is none, a key too many, or one too few."""
    damaged = copy.deepcopy(document)
    path = chance.choice(_places(damaged))
    if not path:
        return chance.choice([None, [], "words", 3])
    outer = damaged
    for part in path[:-1]:
        outer = outer[part]
    match chance.randrange(4):
        case 0 if isinstance(outer, dict):
            del outer[path[-1]]
        case 1 if isinstance(outer[path[-1]], dict):
            outer[path[-1]]["surprise"] = chance.choice(JUNK)
        case _:
            outer[path[-1]] = copy.deepcopy(chance.choice(JUNK))
    return damaged


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`banstorm run FILE` up to the moment at which processes would start: exit code, and what was said."""
    folder = tmp_path_factory.mktemp("scenarios")
    path = folder / "file.yaml"
    planned = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_run, "_execute", lambda plan: planned.append(plan) or sys.exit(0))
        patch.setattr(command_run, "need", lambda *_: None)  # what is installed doesn't change from file to file
        patch.setattr(sys, "argv", ["banstorm", "run", str(path), "--out", str(folder / "runs")])

        def run(text: str) -> tuple[int, str]:
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            said = io.StringIO()
            planned.clear()
            with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended:
                cli.main()
            assert bool(planned) == (ended.value.code == 0)
            return int(ended.value.code or 0), said.getvalue()

        yield run
        assert not (folder / "runs").exists()


def _refused(code: int, said: str) -> None:
    """It was refused as a bad scenario: each mistake in three lines, the second of which says where it is."""
    assert 2 == code, said
    assert "Traceback" not in said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    wheres = [line for line in said.splitlines() if line.startswith("where: ")]
    assert errors
    assert len(errors) == len(wheres)
    assert all("file.yaml" in line or "timeline[" in line for line in wheres), said


def _text(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


@seed(4)
@settings(_QUICK, max_examples=VALID_SCENARIOS)
@given(document=scenarios())
def test_a_valid_scenario_plans(run, document):
    """It satisfies the published schema, and nothing keeps it from being run."""
    VALIDATOR.validate(document)
    code, said = run(_text(document))
    assert 0 == code, f"{said}\n{_text(document)}"


@seed(5)
@settings(_QUICK, max_examples=MALFORMED_SCENARIOS // DAMAGES)
@given(document=scenarios(), number=st.integers(0, 2**32))
def test_a_malformed_scenario_is_refused_with_its_place(run, document, number):
    """Whatever the schema refuses, the command line does too, in words and with a place."""
    chance = random.Random(number)
    for _ in range(DAMAGES):
        damaged = _damaged(document, chance)
        while VALIDATOR.is_valid(damaged):
            damaged = _damaged(document if chance.random() < 0.5 else damaged, chance)
            if not isinstance(damaged, dict):
                break
        code, said = run(_text(damaged))
        _refused(code, said)


@seed(6)
@settings(_QUICK, max_examples=200)
@given(document=scenarios(), data=st.data())
def test_a_file_that_is_torn_or_scribbled_on_never_ends_in_a_traceback(run, document, data):
    """Text that was cut, doubled or overwritten is a scenario still, or is refused with its place."""
    text = _text(document)
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin, len(text)))
    scribble = data.draw(st.sampled_from(SCRIBBLES))
    assume(text[begin:end] != scribble)
    code, said = run(text[:begin] + scribble + text[end:])
    if code != 0:
        _refused(code, said)
