"""Writes what is generated: the README's tables, the catalogue, the scenario schema. `--check` only compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import catalogue_page
from banstorm.fakes.dialects import GENERIC, find
from banstorm.fakes.dialects._routes import RoutedDialect
from banstorm.harness import schema
from banstorm.harness.registry import registry

ROOT = Path(__file__).parent.parent


def faults() -> str:
    """The README's table of faults."""
    rows = ["| fault | what it does | reaches the provider | billed |", "|---|---|---|---|"]
    for name, rule in registry().faults.items():
        summary = " ".join((rule.parameters.__doc__ or "").strip().split("\n\n")[0].split())
        reaches, billed = ("yes" if getattr(rule.parameters, each) else "no" for each in ("reaches_provider", "billed"))
        rows.append(f"| `{name}` | {summary} | {reaches} | {billed} |")
    return "\n".join(rows)


def dialects() -> str:
    """The README's table of provider dialects."""
    rows = ["| dialect | paths | failures |", "|---|---|---|"]
    for name, kinds in registry().dialects.items():
        if name == GENERIC:
            rows.append(f"| `{name}` | as its definition has them | as its definition has them |")
            continue
        dialect = find(name)
        paths = dialect.routes.paths if isinstance(dialect, RoutedDialect) else ()
        rows.append(f"| `{name}` | {', '.join(f'`{path}`' for path in paths)} | {', '.join(sorted(kinds))} |")
    return "\n".join(rows)


def measures() -> str:
    """The README's table of measures."""
    rows = ["| measure | definition |", "|---|---|"]
    rows += [f"| `{name}` | {rule.summary} |" for name, rule in registry().measures.items()]
    return "\n".join(rows)


def files() -> dict[Path, str]:
    """Each generated file and what it should hold."""
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, make in {
        "scenarios": catalogue_page.summary,
        "faults": faults,
        "dialects": dialects,
        "measures": measures,
    }.items():
        pattern = re.compile(rf"(<!-- {name}: generated -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
        table = make()
        readme, count = pattern.subn(lambda match, table=table: match[1] + table + "\n" + match[2], readme)
        if count != 1:
            sys.exit(f"README.md: expected one section marked {name}, found {count}")
    return {
        catalogue_page.PAGE: catalogue_page.page(),
        ROOT / "README.md": readme,
        ROOT / "scenarios" / "schema.json": schema.text(),
    }


def main() -> None:
    """Write or compare."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"out of date: {', '.join(str(path.relative_to(ROOT)) for path in stale)}; run: make docs")
        return
    for path in stale:
        path.write_text(files()[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
