"""The command ``wowsim services``: every service of a build or of a system root, or one of them explained.

Exit code 2 for a name that the build does not have. Part of the command line; nothing else may import it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from wowsim.cli_options import add_machine
from wowsim.errors import Unsupported, UsageError

if TYPE_CHECKING:
    import argparse

    from wowsim.nt.builds import Build
    from wowsim.simulation.service_rows import Row

_SUMMARY = "List the services of a build and how much of each is there, or explain one."
_NO_SUCH_NAME = 2


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("services", help=_SUMMARY, description=_SUMMARY, allow_abbrev=False)
    parser.set_defaults(command=_services)
    add_machine(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--markdown", action="store_true", help="the table in Markdown")
    form.add_argument(
        "--explain",
        metavar="NAME",
        help="signature, layouts, thunk, numbers and stubs of one service (Nt or Zw)",
    )


def _services(options: argparse.Namespace) -> int:
    from wowsim.nt.builds import build_named
    from wowsim.simulation import service_rows

    build = build_named(options.build)
    if options.explain is not None and options.sysroot is not None:
        raise Unsupported("services --explain explains a build's service; it takes no --sysroot")
    if options.explain is not None:
        return _explain(build, options.explain)
    rows = service_rows.rows(build) if options.sysroot is None else _rows_of_root(options.sysroot)
    if options.json:
        import json

        print(json.dumps(service_rows.as_json(rows), indent=2))
        return 0
    for line in service_rows.markdown(rows) if options.markdown else service_rows.text(rows):
        print(line)
    return 0


def _rows_of_root(spec: str) -> list[Row]:
    from wowsim.simulation.root_rows import root_rows
    from wowsim.sysroot import open_root

    return root_rows(open_root(spec))


def _explain(build: Build, name: str) -> int:
    from wowsim.simulation.explanation import explain

    try:
        lines = list(explain(build, name))
    except UsageError as error:
        print(f"wowsim: {error}", file=sys.stderr)
        return _NO_SUCH_NAME
    print(*lines, sep="\n")
    return 0
