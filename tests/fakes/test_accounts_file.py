from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from banstorm.fakes import accounts_file
from banstorm.fakes.account import Accounts
from banstorm.fakes.accounts_file import AccountsFileError, load, seconds
from banstorm.fakes.control_desk import Provider, Tempo
from banstorm.fakes.dialects import find
from banstorm.fakes.oauth import Grants
from banstorm.fakes.pace import Pace

KNOWN = ("openai", "anthropic", "mistral")
WHOLE = """\
openai:
  keys: [sk-proj-a]
  organisations:
    acme:
      keys: [sk-proj-b]
      projects:
        web: {keys: [sk-proj-c]}
      grants:
        - {access_token: eyJ-mine, refresh_token: rt-mine, expires_in: 1h}
        - {}
  regions: {203.0.113.0/24: XX}
  limits:
    - {organisation: acme, model: gpt-5.4*, requests_per_minute: 60}
  standing:
    - {organisation: acme, state: org_disabled, in: 30s, for: 10s}
    - {key: sk-proj-a, state: bad_key, in: 1m, spread: 5s, share: 100%}
  models:
    - {model: gpt-5.4-nano, state: model_retired, in: 1m}
"""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Seconds now."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def _provider(clock: Clock, name: str = "openai") -> Provider:
    dialect = find(name)
    accounts = Accounts(dialect.failures, seed=1, clock=clock, vendor=name)
    grants = Grants(accounts, name, seed=1) if name in {"openai", "anthropic"} else None
    return Provider(dialect, accounts, Tempo(Pace()), grants)


def _load(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "accounts.yaml"
    path.write_text(text, "utf-8")
    return load(path, KNOWN)


def test_a_file_says_who_there_is(tmp_path, clock) -> None:
    """Keys, projects, grants, regions, limits and changes are as the file says, its times counted from the start."""
    clock.now_s = 500
    provider = _provider(clock)
    file = _load(tmp_path, WHOLE)
    assert file.key("openai") == "sk-proj-a"
    assert file.key("anthropic") is None
    (owner, mine), (other, made_up) = file.apply("openai", provider)
    assert (owner, other, mine.access, mine.refresh) == ("acme", "acme", "eyJ-mine", "rt-mine")
    accounts = provider.accounts
    found = {key: (accounts.organisation_of(key), accounts.member(key).project) for key, _ in accounts.members()}
    assert found == {
        "sk-proj-a": ("default", None),
        "sk-proj-b": ("acme", None),
        "sk-proj-c": ("acme", "web"),
        "eyJ-mine": ("acme", None),
        made_up.access: ("acme", None),
    }
    assert accounts.refusal("stranger") is not None
    assert accounts.regions.placed() == {"203.0.113.0/24": "XX"}
    [rule] = accounts.quota.rules
    assert (rule.level, rule.whose, rule.model, rule.limits.requests_per_minute) == (
        "organisation",
        "acme",
        "gpt-5.4*",
        60,
    )
    seen = []
    for moment in (529.9, 530, 540, 560):
        clock.now_s = moment
        seen.append([accounts.standing(organisation="acme"), accounts.standing(key="sk-proj-a")])
    assert seen == [["ok", "ok"], ["org_disabled", "ok"], ["ok", "ok"], ["ok", "bad_key"]]
    clock.now_s = 565
    assert accounts.standing(organisation="default") == "bad_key"
    [(_, model, change)] = accounts.model_changes()
    assert (model, change.state, change.at_s) == ("gpt-5.4-nano", "model_retired", 560)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("openai: {keys: [a]}", False),
        ("openai: {keys: [a], unknown_keys: accepted}", True),
        ("openai: {unknown_keys: refused}", False),
        ("openai:", True),
        ("openai: {organisations: {acme: {projects: {web: {keys: [a]}}}}}", False),
        ("anthropic: {keys: [a]}", True),
    ],
)
def test_who_names_keys_accepts_no_others(tmp_path, clock, text, accepted) -> None:
    """Where the file names a key others are refused, unless it says otherwise; other providers take any."""
    provider = _provider(clock)
    _load(tmp_path, text).apply("openai", provider)
    assert (provider.accounts.refusal("stranger") is None) == accepted


# what is replaced in the whole file, by what, the mistake, its place, and what to do
MISTAKES: list[tuple[str, str, str, str, str]] = [
    ("openai:", "opena:", "no provider 'opena'", ":1, opena", "did you mean 'openai'?"),
    ("organisations:", "organisation:", "nothing called 'organisation'", ":3, openai.organisation", "'organisations'?"),
    ("{keys: [sk-proj-c]}", "{key: a}", "nothing called 'key'", ":7, openai.organisations.acme.projects.web.key", "ke"),
    ("[sk-proj-b]", "sk-proj-b", "found the text 'sk-proj-b'", ":5, openai.organisations.acme.keys", "mend"),
    ("in: 30s", "in: 30", "expected a duration such as 30s", ":15, openai.standing[0].in", "write times as"),
    ("for: 10s", "for: 0s", "greater than 0", ":15, openai.standing[0].for", "mend"),
    ("state: bad_key", "state: bad", "no failure 'bad'", ":16, openai.standing[1]", "did you mean 'bad_key'?"),
    ("state: bad_key, ", "", "field required", ":16, openai.standing[1].state", "mend"),
    ("share: 100%", "share: 101%", "less than or equal to 1", ":16, openai.standing[1].share", "mend"),
    ("_minute: 60", "_minute: 0", "greater than 0, found 0", ":13, openai.limits[0].requests_per_minute", "mend"),
    ("requests_per", "request_per", "nothing called", ":13, openai.limits[0].request_per_minute", "'requests_per"),
    ("limits:\n    - {", "limits:\n    - {key: k, ", "one key, project or organ", ":13, openai.limits[0]", "name one"),
    ("203.0.113.0/24", "here", "'here' is no network", ":11, openai.regions.here", "write an address"),
    ("[sk-proj-b]", "[sk-proj-a]", "stands in the file twice", ":5, openai.organisations.acme.keys[0]", "remove one"),
    ("state: model_retired", "state: retired", "no failure 'retired'", ":18, openai.models[0]", "did you mean"),
    ("- {}", "- {refresh_token: rt-mine}", "known already", ":10, openai.organisations.acme.grants[1]", "give each"),
    ("{organisation: acme, state", "{organisation: 7, state", "valid string", ":15, openai.standing[0].org", "mend"),
    ("openai:", "mistral:", "has no OAuth", ":9, mistral.organisations.acme.grants[0]", "remove the grants"),
    ("openai:\n", "openai: [\n", "no valid YAML", ":", "mend"),
]


@pytest.mark.parametrize(("before", "after", "what", "where", "advice"), MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path, clock, before, after, what, where, advice) -> None:
    """Each mistake is told with what it is, file, line and path, and what to do."""
    assert before in WHOLE
    with pytest.raises(AccountsFileError) as caught:
        _begin(tmp_path, clock, WHOLE.replace(before, after, 1))
    assert what in caught.value.what
    assert where in caught.value.where
    assert str(tmp_path / "accounts.yaml") in caught.value.where
    assert advice in caught.value.advice


def _begin(tmp_path: Path, clock: Clock, text: str) -> None:
    file = _load(tmp_path, text)
    for name in file.customers:
        file.apply(name, _provider(clock, name))


@pytest.mark.parametrize("text", ["- openai", "openai", "7"])
def test_a_file_is_a_mapping(tmp_path, text) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(AccountsFileError, match="expected a mapping from providers"):
        _load(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path) -> None:
    """It is told like any mistake."""
    with pytest.raises(AccountsFileError, match="can't be read"):
        load(tmp_path / "none.yaml", KNOWN)


@pytest.mark.parametrize(
    ("text", "figure"), [("250ms", 0.25), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("7d", 604_800), ("5 s", 5)]
)
def test_durations_have_units(text, figure) -> None:
    """A time is a figure and its unit."""
    assert seconds(text) == figure


@pytest.mark.parametrize("text", ["30", 30, "s", "-5s", "1w", None, "5s5"])
def test_what_is_no_duration(text) -> None:
    """A bare number says nothing of its unit."""
    with pytest.raises(ValueError, match="expected a duration"):
        seconds(text)


def test_the_example_works(tmp_path, clock) -> None:
    """The example in the module's description is a file that is accepted."""
    example = (accounts_file.__doc__ or "").partition("```yaml\n")[2].partition("```")[0]
    assert _load(tmp_path, example).apply("openai", _provider(clock))
