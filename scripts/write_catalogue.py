"""Notes in docs/catalogue.json what runs of the reference router found. Usage: write_catalogue.py RUNS …, folders.

Reads the `run.json` and `report.json` of each run below the folders, and keeps the newest one a scenario, with the
reference router as it is and without its protections. Only whole runs of the library count, at the scenario's own rate
and seed, with mitmproxy. A run that was inconclusive never replaces one that was not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from banstorm.harness.intercept import Interception
from banstorm.harness.plan import Wish, make_plan
from banstorm.scenarios import document, library
from catalogue_page import FOUND, digest, found

UNPROTECTED = "reference router with fallback=false, breaker.enabled=false"
KINDS = {"reference router": "reference", UNPROTECTED: "unprotected"}


def note(folder: Path) -> tuple[str, str, dict[str, Any]] | None:
    """The scenario, the kind of target and what was found; None for a run that doesn't count."""
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
        report = json.loads((folder / "report.json").read_text("utf-8"))
        text = (folder / "scenario.yaml").read_text("utf-8")
    except (OSError, ValueError):
        return None
    name, kind = run["scenario_name"], KINDS.get(run["target"]["detail"])
    path = library.paths().get(name)
    plain = {"run", name, "--target", "reference", "--seed", str(run["seed"])}
    plain |= {"banstorm", "--set", "fallback=false", "breaker.enabled=false"}
    plain |= {"--intercept"} if path is not None and speaks_tls(path) else set()
    if path is None or kind is None or run["host"] != "mitmproxy" or run["interrupted"]:
        return None
    if set(run["command"].split()) - plain or run["seed"] != yaml.safe_load(text.replace(" on:", ' "on":'))["seed"]:
        return None
    broken = [
        {key: each[key] for key in ("measure", "wanted", "found")}
        for each in report["expectations"]
        if each["state"] == "broken"
    ]
    found_ = {
        "verdict": report["verdict"],
        "sentence": report["sentence"],
        "broken": broken,
        "banstorm": run["banstorm"],
        "day": run["started_wall"][:10],
        "at": run["started_wall"],
        "command": run["command"],
        "digest": digest(folder / "scenario.yaml"),
    }
    return name, kind, found_


def better(new: dict[str, Any], old: dict[str, Any] | None, today: str) -> bool:
    """Whether a note replaces another: of the scenario as it is, then one that could tell, then the newer one."""

    def rank(each: dict[str, Any]) -> tuple[bool, bool, str]:
        return each["digest"] == today, each["verdict"] != "inconclusive", each.get("at", "")

    return old is None or rank(new) > rank(old)


def speaks_tls(path: Path) -> bool:
    """Whether it is a scenario that is played under `--intercept` only."""
    return "tls" in document.read(path).data["tags"]


def unplayable(name: str) -> dict[str, Any] | None:
    """Why the reference router can't be asked at all: dialects that it doesn't speak."""
    from banstorm.router.providers import dialects

    way = Interception() if speaks_tls(library.paths()[name]) else None
    scenario = make_plan(Wish(scenario=name, intercept=way)).scenario
    foreign = sorted({each.dialect for each in scenario.providers.values()} - set(dialects()))
    if not foreign:
        return None
    sentence = f"the reference router doesn't speak {', '.join(foreign)}"
    return {"verdict": "not playable", "sentence": sentence, "broken": [], "digest": "", "at": ""}


def main() -> None:
    """Read the folders and write the file."""
    notes = found()
    known = library.paths()
    for root in map(Path, sys.argv[1:]):
        for path in sorted(root.glob("**/run.json")):
            if (read := note(path.parent)) is None:
                continue
            name, kind, new = read
            if better(new, notes.setdefault(name, {}).get(kind), digest(known[name])):
                notes[name][kind] = new
    for name in known:
        if (why := unplayable(name)) is not None:
            notes[name] = {"reference": why}
    kept = {name: notes[name] for name in sorted(notes) if name in known}
    FOUND.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    missing = [name for name in known if "reference" not in kept.get(name, {})]
    print(f"{len(kept)} scenarios noted; not run: {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
