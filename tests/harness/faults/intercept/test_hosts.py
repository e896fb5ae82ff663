"""Which provider a host stands for."""

from __future__ import annotations

import pytest
from banstorm.fakes import dialects
from banstorm.harness.errors import HarnessError
from banstorm.harness.intercept_hosts import HostMap, host_map, parse_maps
from banstorm.scenarios.model import Scenario
from pydantic import ValidationError


def scenario(**providers: dict) -> Scenario:
    """A scenario with these providers."""
    return Scenario.model_validate(
        {
            "version": 1,
            "title": "a test",
            "story": "none",
            "source": "none",
            "seed": 1,
            "providers": {name: {"model": "m", **each} for name, each in providers.items()},
            "load": {"rate": "1/s", "duration": "1s"},
            "expect": {"lost_calls": 0},
        }
    )


EVERY = host_map(scenario(**{name: {"dialect": name} for name in dialects.names()}))


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("API.OpenAI.com.", "openai"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "gemini"),
        ("contoso.openai.azure.com", "azure"),
        ("openai.azure.com", None),
        ("a.b.openai.azure.com", None),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "bedrock"),
        ("bedrock.eu-central-1.amazonaws.com", None),
        ("s3.amazonaws.com", None),
        ("api.mistral.ai", "mistral"),
        ("api.cohere.com", "cohere"),
        ("api.groq.com", "groq"),
        ("openrouter.ai", "openrouter"),
        ("evil-api.openai.com", None),
        ("api.openai.com.example.org", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_a_vendors_hosts_stand_for_its_provider(host, provider):
    """Each vendor's real API is found, also under a customer's or a region's name, and nothing that only looks so."""
    assert provider == EVERY.provider(host, 443)


@pytest.mark.parametrize("name", dialects.names())
def test_every_vendor_has_a_host_that_can_be_called(name):
    """The first host of each vendor is a whole name, and stands for it."""
    example = EVERY.example(name)
    assert "*" not in example
    assert name == EVERY.provider(example, 443)


def test_a_name_with_its_port_goes_before_a_plain_one_and_that_before_a_pattern():
    """Two servers on one machine are told apart, and an exception from a pattern holds."""
    hosts = HostMap({"*.example.com": "a", "b.example.com": "b", "b.example.com:8443": "c", "*.example.com:99": "d"})
    asked = [("x.example.com", 443), ("b.example.com", 443), ("b.example.com", 8443), ("b.example.com", 99)]
    assert ["a", "b", "c", "b"] == [hosts.provider(*each) for each in asked]


def test_hosts_of_a_provider_replace_its_vendors():
    """A provider that says which hosts it has is found under these alone, and another gets the vendor's."""
    hosts = host_map(
        scenario(
            gateway={"dialect": "openai", "hosts": ["llm.example.com", "*.llm.example.com"]},
            openai={"dialect": "openai"},
        )
    )
    assert "gateway" == hosts.provider("eu.llm.example.com", 443)
    assert "openai" == hosts.provider("api.openai.com", 443)
    assert "llm.example.com" == hosts.example("gateway")


def test_the_command_line_goes_before_all():
    """`--map` takes a host from the vendor's list for another provider."""
    both = scenario(openai={"dialect": "openai"}, spare={"dialect": "groq"})
    hosts = host_map(both, {"api.openai.com": "spare"})
    assert "spare" == hosts.provider("api.openai.com", 443)
    assert "openai" == hosts.provider("auth.openai.com", 443)


MISTAKES = [
    ({"a": {"dialect": "openai"}, "b": {"dialect": "openai"}}, {}, "which host stands for 'b'", "--map"),
    (
        {"a": {"dialect": "openai", "hosts": ["x.org"]}, "b": {"dialect": "groq", "hosts": ["x.org"]}},
        {},
        "x.org is a host of 'a' and of 'b'",
        "one provider",
    ),
    ({"openai": {"dialect": "openai"}}, {"x.org": "opena"}, "no provider 'opena'", "'openai'"),
]


@pytest.mark.parametrize(("providers", "maps", "what", "advice"), MISTAKES, ids=[each[2] for each in MISTAKES])
def test_a_mapping_that_makes_no_sense_is_refused(providers, maps, what, advice):
    """A provider that nobody could find, a host of two, and a provider that isn't there are told before a start."""
    with pytest.raises(HarnessError) as caught:
        host_map(scenario(**providers), maps)
    assert what in caught.value.what
    assert advice in str(caught.value)


@pytest.mark.parametrize("word", ["", "=openai", "api.example.com", "https://x.org=openai", "*=a", "*.com=a", "a b=c"])
def test_a_mapping_is_host_and_provider(word):
    """`--map` takes a host or a pattern of one vendor's hosts: no URL, and no star for all the world."""
    with pytest.raises(HarnessError):
        parse_maps([word])
    assert {"api.example.com:8443": "a", "*.x.org": "b"} == parse_maps(["API.example.com:8443=a", "*.x.org=b"])


def test_one_host_can_not_be_mapped_twice():
    """Two mappings of a host contradict each other."""
    with pytest.raises(HarnessError, match=r"x\.org is mapped twice"):
        parse_maps(["x.org=a", "x.org=b"])


@pytest.mark.parametrize("name", ["https://x.org", "*", "*.com", "X.org", "x..org", "x.org:0", "x.org/v1", "-x.org"])
def test_the_language_takes_names_of_hosts_only(name):
    """What is no host is refused where it stands in the scenario."""
    with pytest.raises(ValidationError, match="hosts"):
        scenario(a={"dialect": "openai", "hosts": [name]})
