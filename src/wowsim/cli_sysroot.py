"""The command ``wowsim sysroot``: fetch system roots, list them, look at one.

Results on stdout, progress on stderr. ``check`` exits with 1 when a root is broken. Part of the command line; nothing
else may import it.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from wowsim.sysroot.inspection import Inspection

_SUMMARY = "Fetch, list and check system roots: folders with real system DLLs."
_DEFAULT = "wine"
_BROKEN = 1


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("sysroot", help=_SUMMARY, description=_SUMMARY, allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True, parser_class=type(parser))
    fetch = _add(actions, "fetch", _fetch, "Prepare a named root from Debian's packages; installs nothing.")
    fetch.add_argument("name", metavar="NAME", help="as sysroot list shows it, or wine")
    fetch.add_argument("--mirror", metavar="URL", help="Debian archive; default: that of apt's own sources")
    fetch.add_argument("--suite", help="Debian release; default: the one that has the version")
    fetch.add_argument("--force", action="store_true", help="fetch it again")
    shown = _add(actions, "list", _list, "List the named roots.")
    check = _add(actions, "check", _check, "Look at every file of a root; exit code 1 when it is broken.")
    check.add_argument(
        "root", metavar="ROOT", nargs="?", default=_DEFAULT, help=f"name or folder; default: {_DEFAULT}"
    )
    for action in (shown, check):
        action.add_argument("--json", action="store_true", help="one JSON document")


def _add(actions: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary, allow_abbrev=False
    )
    parser.set_defaults(command=run)
    return parser


# ------------------------------------------------------------ fetch and list
def _fetch(options: argparse.Namespace) -> int:
    from wowsim.sysroot.fetch import LICENCE, fetch
    from wowsim.sysroot.names import named

    root = named(options.name)
    folder = fetch(root, _tell, mirror=options.mirror, suite=options.suite, force=options.force)
    _tell(LICENCE)
    print(folder)
    return 0


def _tell(line: str) -> None:
    print("wowsim:", line, file=sys.stderr, flush=True)


def _list(options: argparse.Namespace) -> int:
    from wowsim.sysroot.names import NAMED

    rows = [_row(name) for name in NAMED]
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        state = row["path"] if row["fetched"] else f"not fetched; type: wowsim sysroot fetch {row['alias']}"
        print(f"{row['name']:<10} Wine {row['version']:<6} {row['packages'] or row['suite']}")
        print(f"{'':<10} {state}")
    return 0


def _row(name: str) -> dict[str, Any]:
    from wowsim.sysroot.names import NAMED, alias_of, mark_of, prepared, roots_folder

    root, folder = NAMED[name], prepared(name)
    said = mark_of(folder) if folder is not None else {}
    return {
        "name": name,
        "alias": alias_of(name),
        "version": root.version,
        "suite": said.get("suite", root.suite),
        "packages": said.get("packages"),
        "fetched": folder is not None,
        "path": str(folder or roots_folder() / name),
    }


# ------------------------------------------------------------ check
def _check(options: argparse.Namespace) -> int:
    from wowsim.simulation.service_rows import known_names as known_services
    from wowsim.sysroot.inspection import inspect_root

    found = inspect_root(options.root, known_services().__contains__)
    if options.json:
        print(json.dumps(_document(found), indent=2))
    else:
        print(*_report(found), sep="\n")
    return _BROKEN if found.problems else 0


def _document(found: Inspection) -> dict[str, Any]:
    root = found.root
    return {
        "name": root.name,
        "kind": root.kind,
        "version": root.version,
        "system32": str(root.system32),
        "syswow64": str(root.syswow64),
        "nls": str(root.nls),
        "versions": found.versions,
        "modules": {"x86-64": found.modules[64], "i386": found.modules[32]},
        "with_symbols": {"x86-64": found.with_symbols[64], "i386": found.with_symbols[32]},
        "tables": found.tables,
        "services": found.services,
        "unknown_services": found.unknown,
        "notes": found.notes,
        "problems": found.problems,
    }


def _report(found: Inspection) -> Iterator[str]:
    import textwrap

    root = found.root
    yield f"{root.name}: {root.kind} {root.version}"
    for bits, folder in ((64, root.system32), (32, root.syswow64)):
        yield f"{found.modules[bits]:>6} {bits}-bit modules, {found.with_symbols[bits]} with symbols: {folder}"
    yield f"{found.tables:>6} tables of code pages and locales: {root.nls}"
    for module, version in sorted(found.versions.items()):
        yield f"       {module}: version {version}"
    for module, number in sorted(found.services.items()):
        yield f"{number:>6} service numbers in {module}"
    if found.unknown:
        yield f"{len(found.unknown):>6} services that wowsim does not know:"
        yield textwrap.fill(" ".join(found.unknown), 100, initial_indent=" " * 7, subsequent_indent=" " * 7)
    for note in found.notes:
        yield f"       note: {note}"
    for problem in found.problems:
        yield f"broken: {problem}"
    if not found.problems:
        yield "in order"
