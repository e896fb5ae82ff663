"""junit.xml: a test case an expectation. A failure is the router's fault, an error is a run that proves nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from ..result import CheckOut, ExpectationOut, Result, State, Verdict

FILE: Final = "junit.xml"
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: Result) -> str:
    """One test suite: a case an expectation, and one for the run itself."""
    run = result.run
    suite = ET.Element(
        "testsuite",
        name=_text(f"banstorm.{run.scenario}.{run.target}"),
        timestamp=_text(run.started[:19]),
        time=f"{run.load_s:.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("seed", str(run.seed)), ("command", run.command), ("verdict", result.verdict.value)):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    for each in result.expectations:
        _case(suite, result, each)
    _run_case(suite, result)
    counts = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    for name, path in counts.items():
        suite.set(name, str(len(suite.findall(path))))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, result: Result, expectation: ExpectationOut) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_text(f"banstorm.{result.run.scenario}"),
        name=_text(f"{expectation.measure} {expectation.wanted}"),
        time="0",
    )
    message = f"found {expectation.found}, wanted {expectation.wanted}"
    detail = "\n".join(part for part in (expectation.note, result.sentence, result.run.command) if part)
    if result.verdict is Verdict.INCONCLUSIVE:
        # The run is invalid, so that neither a breach nor a met limit says anything.
        error = ET.SubElement(case, "error", type="inconclusive", message=_text(message))
        error.text = _text("\n".join([*result.reasons, result.run.command]))
    elif expectation.state is State.BROKEN:
        first = " (broke first)" if expectation.measure == result.first_broken else ""
        ET.SubElement(case, "failure", type="expectation", message=_text(message + first)).text = _text(detail)
    elif expectation.state is State.UNKNOWN:
        ET.SubElement(case, "error", type="unknown", message=_text(expectation.note or message)).text = _text(detail)


def _run_case(suite: ET.Element, result: Result) -> None:
    """The run as a case of its own: a target that did not stay up, or a run that proves nothing."""
    case = ET.SubElement(suite, "testcase", classname=_text(f"banstorm.{result.run.scenario}"), name="run", time="0")
    if result.verdict is Verdict.INCONCLUSIVE:
        short: list[CheckOut] = [each for each in result.checks if not each.ok]
        text = "\n".join(f"{each.name}: {each.found}; needed: {each.needed}" for each in short)
        ET.SubElement(case, "error", type="inconclusive", message=_text(result.sentence)).text = _text(text)
    elif result.target_gone:
        ET.SubElement(case, "failure", type="target", message=_text(result.sentence)).text = _text(result.run.command)
    ET.SubElement(case, "system-out").text = _text(result.sentence)


def _text(value: str) -> str:
    """`value` without the characters that XML 1.0 can't hold."""
    return _NOT_XML.sub("\ufffd", value)
