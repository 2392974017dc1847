"""The command ``wowsim conformance``: what the simulated CPU does, case by case, against the manuals.

Exit code 0 when every failure is a known one, 1 otherwise. Part of the command line; nothing else may import it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wowsim.cli_options import DEFAULT_BUILD
from wowsim.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from wowsim.conformance.judge import Verdict

_SUMMARY = "Compare the simulated CPU with the manuals, case by case."


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("conformance", help=_SUMMARY, description=_SUMMARY, allow_abbrev=False)
    parser.set_defaults(command=_conformance)
    parser.add_argument("--build", default=DEFAULT_BUILD, metavar="NAME", help=f"default: {DEFAULT_BUILD}")
    parser.add_argument("--cpu-vendor", choices=("intel", "amd"), default="intel", help="default: intel")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument(
        "--export", metavar="FILE", help="write the cases as JSON, for other emulators; runs none"
    )


def _conformance(options: argparse.Namespace) -> int:
    from wowsim import conformance
    from wowsim.conformance import judge

    cases = conformance.cases()
    if options.export is not None:
        from wowsim.conformance.export import document

        _write(options.export, document(cases))
        return 0
    verdicts = list(judge.run(cases, options.build, options.cpu_vendor))
    if options.json:
        import json

        print(json.dumps({"cases": [_row(verdict) for verdict in verdicts]}, indent=2))
    else:
        _print(verdicts)
    return 0 if all(verdict.passed or verdict.is_known for verdict in verdicts) else 1


def _row(verdict: Verdict) -> dict[str, Any]:
    case = verdict.case
    source = case.source + (" (unverified)" if case.unverified else "")
    return {"name": case.name, "passed": verdict.passed, "reason": verdict.text, "source": source}


def _print(verdicts: Iterable[Verdict]) -> None:
    passed = known = failed = 0
    for verdict in verdicts:
        passed += verdict.passed
        known += verdict.is_known
        failed += not verdict.passed and not verdict.is_known
        outcome = "pass" if verdict.passed else "FAIL"
        print(
            f"{outcome}  {verdict.case.group}: {verdict.case.name}"
            + f": {verdict.text}" * (not verdict.passed)
        )
    print(f"{passed} passed, {known} known failures, {failed} failures")


def _write(path: str, document: dict[str, Any]) -> None:
    import json

    try:
        Path(path).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path!r} cannot be written: {error.strerror}") from None
