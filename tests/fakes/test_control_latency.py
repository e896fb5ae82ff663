from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from banstorm.fakes.control import openapi
from banstorm.fakes.control_latency import Latency, tell_pace
from banstorm.fakes.pace import Pace, Slowdown
from banstorm.fakes.quantiles import Quantiles
from pydantic import ValidationError

QUANTILES = {"p50": 0.3, "p95": 1.2}
SAID: list[tuple[dict[str, Any], Pace]] = [
    ({}, Pace()),
    ({"ttft_s": 1}, Pace(1.0)),
    ({"ttft_s": {"p95": 1.2, "p50": 0.3}}, Pace(Quantiles.of(QUANTILES))),
    (
        {"tokens_per_second": {"p5": 30, "p50": 80, "p90": 120}},
        Pace(0.0, Quantiles(((0.05, 30), (0.5, 80), (0.9, 120)))),
    ),
    ({"distance_s": 0.08}, Pace(distance_s=0.08)),
    ({"slowdown": {"at": 20, "to": 3}}, Pace(slowdown=Slowdown(20, 3))),
    ({"slowdown": None}, Pace()),
    (
        {"ttft_s": QUANTILES, "jitter": 0.5, "distance_s": 0.1, "models": {"mini": {"ttft_s": 0.05}}},
        Pace(
            Quantiles.of(QUANTILES), jitter=0.5, distance_s=0.1, models={"mini": Pace(0.05, jitter=0.5, distance_s=0.1)}
        ),
    ),
]


@pytest.mark.parametrize(("said", "pace"), SAID)
def test_a_pace_is_said_and_told(said: dict[str, Any], pace: Pace) -> None:
    """What is put becomes the pace, and what is told of it can be put again."""
    assert Latency.model_validate(said).pace() == pace
    assert Latency.model_validate(tell_pace(pace)).pace() == pace


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"ttft_s": {"p50": 0.3}}, "two or more quantiles"),
        ({"ttft_s": {"p50": 0.3, "median": 1}}, "'median'"),
        ({"ttft_s": {"p50": 0.3, "p95": 0.1}}, "rise"),
        ({"ttft_s": {"p50": 0.0, "p95": 0.1}}, "above 0"),
        ({"ttft_s": {"p50": "0.3", "p95": 1}}, "expected seconds"),
        ({"ttft_s": -1}, "expected seconds"),
        ({"ttft_s": 3601}, "expected seconds"),
        ({"ttft_s": True}, "expected seconds"),
        ({"ttft_s": 10**400}, "expected seconds"),
        ({"ttft_s": None}, "expected seconds"),
        ({"tokens_per_second": 0}, "tokens per second above 0"),
        ({"tokens_per_second": []}, "tokens per second above 0"),
        ({"jitter": 2}, "less than or equal to 1"),
        ({"distance_s": -1}, "greater than or equal to 0"),
        ({"slowdown": {"at": 0, "to": 3}}, "greater than or equal to 1"),
        ({"slowdown": {"at": 1, "to": 0.5}}, "greater than or equal to 1"),
        ({"slowdown": {"at": 1}}, "Field required"),
        ({"models": {"mini": {"distance_s": 1}}}, "not permitted"),
    ],
)
def test_what_is_no_latency(said: dict[str, Any], words: str) -> None:
    """A speed that no provider has is refused, by what is wrong with it."""
    with pytest.raises(ValidationError, match=words):
        Latency.model_validate(said)


@pytest.mark.parametrize("said", [each for each, _ in SAID])
def test_the_document_describes_what_is_taken(said: dict[str, Any]) -> None:
    """A body that is taken fits the OpenAPI document, whose references all lead somewhere."""
    document = openapi()
    body = document["paths"]["/v1/providers/{provider}/latency"]["put"]["requestBody"]
    schema = {**body["content"]["application/json"]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(said)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**said, "ttft_s": {"p50": 1}})
