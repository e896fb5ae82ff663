"""What is appended is on the disk after a flush, bounded, and without credentials."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from banstorm.harness import ledger as module
from banstorm.harness.errors import HarnessError
from banstorm.harness.ledger import Ledger
from banstorm.harness.redact import fingerprint, redact, secrets_of
from disk import little_room


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


def test_rows_that_a_full_disk_does_not_take_are_written_once_it_has_room(tmp_path: Path):
    """None is lost, doubled or torn, though the disk took half a row, and nothing is raised meanwhile."""
    ledger = Ledger(tmp_path, "w")
    for call in range(4):
        ledger.add("calls", {"call": call})
    with little_room(40):  # a row has 27 bytes
        ledger.flush()
        ledger.add("calls", {"call": 4})
        ledger.flush()
        assert 40 == (tmp_path / "w.ndjson").stat().st_size
    ledger.add("calls", {"call": 5})
    ledger.close()
    assert list(range(6)) == [row["call"] for row in _rows(tmp_path)]
    assert 0 == ledger.dropped


def test_rows_that_are_lost_at_the_end_are_no_quiet_end(tmp_path: Path):
    """Closing says in three lines what the disk said, and where, and closes."""
    ledger = Ledger(tmp_path, "w")
    ledger.add("calls", {"call": 1})
    with little_room(10), pytest.raises(HarnessError, match=r"File too large\nwhere: .*w\.ndjson\nnext: "):
        ledger.close()
    assert ledger._file.closed


def test_rows_kept_for_a_full_disk_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Past the limit it is raised, further rows are counted and dropped, and closing says so, all else written."""
    monkeypatch.setattr(module, "KEPT_BYTES_MAX", 60)
    ledger = Ledger(tmp_path, "w")
    with little_room(0):
        for call in range(2):
            ledger.add("calls", {"call": call})
        ledger.flush()
        ledger.add("calls", {"call": 2})
        with pytest.raises(OSError, match="File too large"):
            ledger.flush()
        ledger.add("calls", {"call": 3})
    ledger.flush()
    with pytest.raises(HarnessError, match="File too large"):
        ledger.close()
    assert ([0, 1, 2], 1) == ([row["call"] for row in _rows(tmp_path)], ledger.dropped)


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
