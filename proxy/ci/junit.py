"""JUnit XML of a replay, which CI systems show as tests.

Each recorded exchange is a test: it passes if it was served, and is skipped if it was not used.
Each problem, like a request without a recorded answer, is a test that fails.
"""

from collections import Counter
from xml.etree import ElementTree

from ...proto.shown_text import escape_text
from .reported_replay import ReportedReplay, first_line

_SUITE = "mesotape"


def junit_text(replay: ReportedReplay) -> str:
    """Return the document."""
    suite = ElementTree.Element("testsuite", name=_SUITE)
    for exchange in replay.receipt.served:
        _add_case(suite, exchange.cassette, replay.describe(exchange))
    for exchange in replay.receipt.unused:
        case = _add_case(suite, exchange.cassette, replay.describe(exchange))
        ElementTree.SubElement(case, "skipped", message="not used")
    titles = Counter[str]()
    for problem in replay.problems:
        title = first_line(problem.text)
        titles[title] += 1
        # Of tests with one name, GitLab shows one.
        name = title if titles[title] == 1 else f"{title} ({titles[title]})"
        case = _add_case(suite, "problems", name)
        tag = "error" if problem.kind == "failed" else "failure"
        failure = ElementTree.SubElement(case, tag, type=problem.kind, message=title)
        failure.text = problem.text
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode", xml_declaration=False)
    return escape_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _add_case(suite: ElementTree.Element, group: str, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=group, name=name)
