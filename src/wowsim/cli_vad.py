"""``wowsim vad``: the address space of a process, as ``!vad`` prints it, as JSON or as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from wowsim.cli_options import add_machine, add_process
from wowsim.cli_run import guarded, loaded, program_of
from wowsim.errors import StopReason, UsageError
from wowsim.render.vad import STYLES, as_json, style_of, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from wowsim.memory.rows import VadRow

_RUNNING = "running"
_LIMIT = 50_000_000


def add_parser(subparsers: Any) -> None:
    """Enter the command into the command line."""
    parser = subparsers.add_parser(
        "vad",
        help="Show the address space of a process as !vad does, at a step of its creation or while running.",
        description="Builds the process of PROGRAM as the kernel does and prints its address space as !vad does. "
        "Without --step it runs up to the program's entry point first.",
        allow_abbrev=False,
    )
    parser.add_argument("--step", help="step of process creation; 'list' prints the steps of the build")
    parser.add_argument("--style", choices=STYLES, help="generation of the debugger (default: the build's)")
    parser.add_argument("--json", action="store_true", help="the rows as one JSON document")
    parser.add_argument(
        "--svg", metavar="FILE", help="also draw the tree; '-' draws it to standard output instead"
    )
    add_machine(parser)
    add_process(parser)
    parser.set_defaults(command=run)


def run(args: argparse.Namespace) -> int:
    """Do what the command line says.

    Raises:
        UsageError: it makes no sense.
    """
    from wowsim.memory.creation import step_named, steps_of
    from wowsim.memory.layout import layout_of

    layout = layout_of(args.build)
    if args.step == "list":
        names = steps_of(layout)
        print(json.dumps(names, indent=2) if args.json else "\n".join(names))
        return 0
    step = _RUNNING if args.step is None else step_named(args.step)
    program, _ = program_of(args)
    rows = _rows(args, step)
    if args.svg is not None:
        title = f"{PureWindowsPath(program).name} on {args.build}: {step}"
        _draw(rows, args.svg, title, layout.highest_user)
        if args.svg == "-":
            return 0
    if args.json:
        print(json.dumps(as_json(rows), indent=2))
    else:
        print(table(rows, args.style or style_of(args.build)), end="")
    return 0


def _rows(args: argparse.Namespace, step: str) -> Sequence[VadRow]:
    if step == _RUNNING:
        return _running(args)
    if args.sysroot is not None or args.mount or args.env or args.three_gb:
        with loaded(args, sys.stderr.buffer) as sim:
            return sim.vads.step(step)
    from wowsim.simulation.layout_only import lay_out

    program, arguments = program_of(args)
    return lay_out(args.build, program, arguments, seed=args.seed).step(step)


def _running(args: argparse.Namespace) -> Sequence[VadRow]:
    """The rows at the program's entry point, when its DLLs are loaded."""
    with loaded(args, sys.stderr.buffer) as sim:
        image = next(module for module in sim.modules.values() if not module.image.system)
        with sim.at(image.base + image.image.entry, lambda sim: sim.stop()):
            result = guarded(sim, lambda: sim.run(_LIMIT if args.limit is None else args.limit, args.timeout))
        if result.reason is not StopReason.STOPPED:
            _note(f"the program did not reach its entry point: {result.reason.value}, {result.detail}")
        return sim.vads.rows()


def _draw(rows: Sequence[VadRow], target: str, title: str, highest: int) -> None:
    from wowsim.render.vad_svg import picture

    drawn = picture(rows, title=title, highest=highest)
    if target == "-":
        sys.stdout.write(drawn)
        return
    try:
        Path(target).write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target!r} cannot be written: {error.strerror}") from None


def _note(words: str) -> None:
    print(f"wowsim: {words}", file=sys.stderr)
