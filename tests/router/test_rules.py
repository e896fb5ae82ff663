"""The shipped alert rules: Prometheus accepts them, they speak of metrics that exist, and they say what they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import banstorm.router.metrics
import pytest
import yaml
from banstorm.router.metrics import Metrics
from banstorm.router.policies.spending import Purse

RULES = Path(banstorm.router.metrics.__file__).with_name("prometheus-rules.yaml")
CASES = Path(__file__).with_name("prometheus_cases.yaml")


def test_rules_speak_of_metrics_that_exist():
    """Every series that an expression names is one the router exports, or one that the rules themselves record."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    metrics = Metrics()
    metrics.show_budgets({"": Purse("", 1.0, 1.0, clock=float)})
    exported = set(re.findall(r"^# TYPE (\w+)", metrics.render().decode(), re.MULTILINE))
    recorded = {rule["record"] for rule in rules if "record" in rule}
    named = {re.sub("_bucket$", "", name) for rule in rules for name in re.findall(r"\bllm[\w:]+", rule["expr"])}
    assert set() == named - exported - recorded
    assert {"LLMProviderDegraded", "LLMProviderDown", "LLMBudgetExhausted", "LLMProvidersExhausted"} <= {
        rule.get("alert") for rule in rules
    }


@pytest.mark.debian
@pytest.mark.parametrize("command", [["check", "rules", "prometheus-rules.yaml"], ["test", "rules", "cases.yaml"]])
def test_promtool_accepts_them_and_they_fire(tmp_path, command):
    """`promtool check rules` finds no fault, and invented minutes raise just the alerts that they should."""
    shutil.copy(RULES, tmp_path / "prometheus-rules.yaml")
    shutil.copy(CASES, tmp_path / "cases.yaml")
    done = subprocess.run(["promtool", *command], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr
