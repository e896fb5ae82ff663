"""`banstorm list` finds scenarios by folder and tag."""

from __future__ import annotations

import pytest
from banstorm.harness import catalogue
from banstorm.harness.cli import banstorm
from banstorm.harness.errors import HarnessError
from banstorm.harness.registry import registry
from banstorm.scenarios import library
from banstorm.scenarios.units import format_duration
from click.testing import CliRunner


def test_the_list_names_each_scenario_in_its_folder():
    """A heading a folder, and below it each scenario with how long it lasts, its title and its tags."""
    told = catalogue.listing("scenarios")
    flat = " ".join(told.split())
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        if line.endswith("/"):
            found[line.rstrip("/")] = []
        elif line.startswith("  ") and line[2] != " ":
            found[[*found][-1]].append(line.split()[0])
    wanted: dict[str, list[str]] = {}
    for name, path in library.paths().items():
        wanted.setdefault(path.parent.name, []).append(name)
        scenario = library.load(path, registry())
        assert f"{name} {format_duration(scenario.load.duration)} {scenario.title}" in flat
    assert wanted == found


def test_the_list_is_narrowed_to_a_tag():
    """`--tag` leaves the scenarios that have it, and no others."""
    chosen = catalogue.tagged("ci")
    assert chosen
    assert all("ci" in scenario.tags for _, scenario in chosen.values())
    done = CliRunner().invoke(banstorm, ["list", "--tag", "ci"])
    assert all(name in done.output for name in chosen)
    assert "spreading_ban" not in done.output


def test_an_unknown_tag_is_told_with_the_nearest():
    """As any other name."""
    with pytest.raises(HarnessError, match="did you mean 'overload'"):
        catalogue.tagged("overlod")


def test_only_scenarios_have_tags():
    """A tag on a list of faults would otherwise be passed over in silence."""
    done = CliRunner().invoke(banstorm, ["list", "faults", "--tag", "ci"])
    assert isinstance(done.exception, HarnessError)
    assert "faults have no tags" in str(done.exception)


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("rate_limitd", "'rate_limited'"),  # a slip
        ("reordered", "'reordered_events'"),
        ("wrong_content_type", "'content_type_changed'"),
        ("edge_block", "'edge_page'"),
        ("stall", "'stream_stall'"),
        ("cut", "'stream_cut'"),
        ("520", "'edge_page'"),
        ("dns", "'unreachable'"),
        ("retired by date", "'model_retired'"),
        ("quux", "use one of"),
    ],
)
def test_who_knows_a_thing_by_another_name_is_led_to_it(asked, offered):
    """A name that nothing has is answered by what is spelt like it, or else by what is about the same words."""
    with pytest.raises(HarnessError) as told:
        catalogue.explain(asked)
    assert offered in told.value.advice
    assert told.value.advice.count(",") <= 12
