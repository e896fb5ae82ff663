"""A standing is judged as a fault is, and where it lets requests pass nothing is claimed that doesn't hold then."""

from __future__ import annotations

from pathlib import Path

import pytest
from banstorm.reports.assemble import make_result
from banstorm.reports.frames import read_run, write_parquet
from banstorm.reports.result import Result, Verdict
from synthetic import Ledger, Story, found, judged, simulate

WHOLE_ONLY = ("time_to_detect", "time_to_fail_over", "probe_rate")
STORY = Story(rate=50, duration_s=8.0, at_s=2.0, until_s=4.0, expect={"lost_calls": 0})


def standing(*, whole: bool | None = True) -> Ledger:
    """A run whose only entry is a standing; what its window's row says of it being whole."""
    ledger = simulate(STORY)
    (entry,) = ledger.manifest["scenario"]["timeline"]
    entry["standing"] = entry.pop("fault")
    ledger.change("faults", lambda _: True, whole=whole)
    return ledger


def _applies(result: Result) -> dict[str, bool]:
    return {key: found(result, key).applies for key in WHOLE_ONLY}


@pytest.mark.parametrize("whole", [True, False, None])
def test_detection_and_failover_apply_to_what_refuses_everything(tmp_path: Path, whole):
    """A router may rightly stay with, or come back to, a provider that answers now and then."""
    result = judged(standing(whole=whole), tmp_path)
    assert dict.fromkeys(WHOLE_ONLY, whole is True) == _applies(result)
    assert [whole is not True] == [each.partial for each in result.episodes]
    assert ["standing"] == [each.kind for each in result.episodes[0].windows]


def test_a_partial_standing_takes_the_claims_of_a_fault_beside_it(tmp_path: Path):
    """An account that is let in during a ban brings a router back before the episode's end."""
    ledger = standing()
    ledger.manifest["scenario"]["timeline"].append(
        {"at": "3s", "until": "4s", "on": "anthropic", "standing": "reinstated"}
    )
    (row,) = ledger.tables["faults"]
    ledger.tables["faults"].append(row | {"entry": "1:reinstated", "fault": "reinstated", "whole": False})
    assert dict.fromkeys(WHOLE_ONLY, False) == _applies(judged(ledger, tmp_path))


@pytest.mark.parametrize("whole", [True, False, None])
def test_a_fault_that_picks_its_requests_is_a_partial_one(tmp_path: Path, whole):
    """Whoever stays with a provider that refuses long prompts alone has not failed to leave it."""
    ledger = simulate(STORY)
    ledger.change("faults", lambda _: True, whole=whole)
    result = judged(ledger, tmp_path)
    assert dict.fromkeys(WHOLE_ONLY, whole is not False) == _applies(result)
    assert [whole is False] == [each.partial for each in result.episodes]


def test_a_fault_that_picks_takes_nothing_from_a_whole_one(tmp_path: Path):
    """Beside a ban it claims nothing, and the ban's claims stand."""
    ledger = simulate(STORY)
    beside = {"at": "3s", "until": "4s", "on": "anthropic", "fault": "context_too_long"}
    ledger.manifest["scenario"]["timeline"].append(beside)
    (row,) = ledger.tables["faults"]
    ledger.tables["faults"].append(row | {"entry": "1:context_too_long", "fault": "context_too_long", "whole": False})
    assert dict.fromkeys(WHOLE_ONLY, True) == _applies(judged(ledger, tmp_path))


def test_a_standing_whose_record_was_lost_claims_nothing(tmp_path: Path):
    """Without the window's row nobody knows whether some requests passed; its bites are counted in the attempts."""
    ledger = standing()
    ledger.tables["faults"].clear()
    result = judged(ledger, tmp_path)
    assert dict.fromkeys(WHOLE_ONLY, False) == _applies(result)
    assert result.episodes[0].windows[0].bites > 0


def test_a_standing_that_bit_nothing_makes_the_run_inconclusive(tmp_path: Path):
    """A quota that nobody used up proves nothing, however well everything went."""
    assert Verdict.PASS is judged(standing(), tmp_path / "bitten").verdict
    ledger = standing()
    ledger.change("faults", lambda _: True, bites=0, first_bite_ns=None, last_bite_ns=None)
    ledger.change("attempts", lambda _: True, fault=None)
    result = judged(ledger, tmp_path / "unbitten")
    assert Verdict.INCONCLUSIVE is result.verdict
    assert ["0:org_disabled bit"] == [check.name for check in result.checks if not check.ok]


def test_an_answer_that_shows_a_standing_is_not_a_failed_attempt(tmp_path: Path):
    """Its bite counts, but the picture of failed attempts is of refusals: a changed price refuses nothing."""
    refused = judged(standing(), tmp_path / "refused")
    assert sum(refused.timeline.failed["anthropic"]) == refused.episodes[0].windows[0].bites
    billed = standing()
    billed.change("attempts", lambda row: row["fault"] is not None, status=200)
    assert 0 == sum(judged(billed, tmp_path / "billed").timeline.failed["anthropic"])


def test_a_ledger_of_before_there_were_standings_is_read(tmp_path: Path):
    """Parquet without the column, and rows without it, are of faults, which are judged as ever."""
    folder = simulate(STORY).write(tmp_path)
    run = read_run(folder)
    faults = run.faults.drop(columns="whole")
    (folder / "ledger").mkdir(exist_ok=True)
    for name in ("schedule", "calls", "attempts", "invoices", "samples"):
        run.table(name).to_parquet(folder / "ledger" / f"{name}.parquet", index=False)
    faults.to_parquet(folder / "ledger" / "faults.parquet", index=False)
    for path in (folder / "ledger").glob("*.ndjson"):
        path.unlink()
    result = make_result(read_run(folder))
    assert dict.fromkeys(WHOLE_ONLY, True) == _applies(result)
    write_parquet(read_run(folder))
