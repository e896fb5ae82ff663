"""What is appended is on the disk after a flush, bounded, and without credentials."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from banstorm.harness import ledger as module
from banstorm.harness.ledger import Ledger
from banstorm.harness.redact import fingerprint, redact, secrets_of


def _rows(folder: Path) -> list[dict]:
    return [orjson.loads(line) for line in (folder / "w.ndjson").read_bytes().splitlines()]


def test_a_row_is_one_line_that_names_its_table(tmp_path: Path):
    """Rows come back in their order, each with its table."""
    ledger = Ledger(tmp_path, "w")
    ledger.add("calls", {"call": 1})
    ledger.add("samples", {"value": 0.5})
    assert [] == _rows(tmp_path)
    ledger.close()
    assert [{"table": "calls", "call": 1}, {"table": "samples", "value": 0.5}] == _rows(tmp_path)


def test_rows_past_the_limit_are_counted_and_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run that never ends fills no disk."""
    monkeypatch.setattr(module, "ROWS_MAX", 2)
    ledger = Ledger(tmp_path, "w")
    for call in range(5):
        ledger.add("calls", {"call": call})
    ledger.close()
    assert (2, 3) == (len(_rows(tmp_path)), ledger.dropped)


def test_evidence_is_bounded_and_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The start of a body is kept, without its keys, and only so many of them."""
    monkeypatch.setattr(module, "EVIDENCE_ROWS_MAX", 1)
    monkeypatch.setattr(module, "EVIDENCE_BYTES_MAX", 40)
    ledger = Ledger(tmp_path, "w")
    assert 'key "sk-ant-[redacted]" is bad' == ledger.evidence(b'key "sk-ant-api03-abcdefg" is bad' + b"")
    assert ledger.evidence(b"another") is None


def test_the_user_s_own_credentials_are_blanked_out_whatever_they_look_like(tmp_path: Path):
    """A router that echoes the key or a header it was called with does not carry them into the evidence."""
    secrets = secrets_of("hunter22", {"x-team": "abc", "x-gate": "open-sesame", "authorization": "Basic dXNlcjpwdw=="})
    assert {"hunter22", "open-sesame", "dXNlcjpwdw=="} == set(secrets)
    ledger = Ledger(tmp_path, "w", secrets)
    assert "bad key [redacted] at [redacted]" == ledger.evidence(b"bad key hunter22 at open-sesame")
    assert "team abc" == ledger.clean("team abc")


SECRETS = [
    ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [redacted]"),
    ("x-api-key: sk-ant-api03-AbCdEf123456", "x-api-key: sk-ant-[redacted]"),
    ("sk-proj-AbCdEf123456 and AIzaSyA1234567890", "sk-proj-[redacted] and AIza[redacted]"),
    ("a sketch of a bearer", "a sketch of a bearer"),
]


@pytest.mark.parametrize(("text", "clean"), SECRETS)
def test_what_looks_like_a_key_is_blanked_out(text, clean):
    """Known schemes of keys and bearer tokens never reach a file; other words stay."""
    assert clean == redact(text)


def test_a_fingerprint_tells_keys_apart_without_telling_them():
    """Two keys have two fingerprints, one key always the same, and none contains its key."""
    one, two = fingerprint("sk-ant-api03-aaaaaaaa"), fingerprint("sk-ant-api03-bbbbbbbb")
    assert one == fingerprint("sk-ant-api03-aaaaaaaa") != two
    assert "aaaa" not in one


@pytest.mark.parametrize(
    ("credential", "shown"), [("sk-ant-api03-x", "sk-ant"), ("abcdefghijkl", "key"), ("AIzaSyAbc", "AIza")]
)
def test_a_fingerprint_shows_the_vendor_s_prefix_and_no_letter_of_the_key(credential, shown):
    """A key without a known prefix is all secret."""
    assert shown == fingerprint(credential).partition(":")[0]
