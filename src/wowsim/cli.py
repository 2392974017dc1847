"""The command ``wowsim``: run, trace and describe.

wowsim's options stand before PROGRAM; everything behind it is the guest's. The guest's console output passes
through as it comes. Exit codes: the guest's exit status & 0xFF; 125 when wowsim stopped it or refuses, with one line
on stderr; 130 after Ctrl-C; 141 when nobody reads its output any more. Imports the machine only in the commands that
need one.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from wowsim.cli_options import add_machine, add_process
from wowsim.cli_run import exit_code, guarded, loaded, program_of, refuse
from wowsim.errors import Unsupported, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wowsim.simulation import Simulation
    from wowsim.simulation.tracer import Level

INTERRUPTED = 130
BROKEN_PIPE = 141
FORMATS = ("text", "path", "jsonl")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _open_closed_streams()
    try:
        options = _parser().parse_args(argv)
        code: int = options.command(options)
        sys.stdout.flush()
        return code
    except (UsageError, Unsupported) as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        refuse("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_output()
        return BROKEN_PIPE
    except OSError as error:
        _abandon_output()
        return refuse(f"input or output failed: {error.strerror}")


def _open_closed_streams() -> None:
    """A standard stream that the caller closed is None in Python; it becomes the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - lives as long as the process


def _abandon_output() -> None:
    """Give up what cannot be written; the interpreter flushes once more when it exits."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# ------------------------------------------------------------ arguments
class _Parser(argparse.ArgumentParser):
    """Refuses with the exit code of all refusals."""

    def error(self, message: str) -> NoReturn:
        sys.exit(refuse(f"{message}; see {self.prog} --help"))


def _parser() -> argparse.ArgumentParser:
    from wowsim import __version__, cli_conformance, cli_run, cli_services, cli_sysroot, cli_vad

    parser = _Parser(
        prog="wowsim", description="Run 32-bit Windows programs the way 64-bit Windows runs them."
    )
    parser.add_argument("--version", action="version", version=f"wowsim {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    cli_run.add_parser(commands)
    _add_trace(commands)
    _add_gdt(commands)
    _add_builds(commands)
    cli_vad.add_parser(commands)
    cli_services.add_parser(commands)
    cli_conformance.add_parser(commands)
    cli_sysroot.add_parser(commands)
    return parser


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str) -> _Parser:
    parser: _Parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.set_defaults(command=run)
    return parser


def _add_trace(commands: Any) -> None:
    parser = _add(commands, "trace", _trace, "Run a program and show the way of its service calls.")
    parser.add_argument(
        "--call", action="append", metavar="NAME", help="only this service (Nt or Zw); repeatable"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write there; else to stdout, and the guest's output to stderr"
    )
    add_machine(parser)
    add_process(parser)


def _add_gdt(commands: Any) -> None:
    parser = _add(commands, "gdt", _gdt, "Show the segment descriptors as a kernel debugger does.")
    add_machine(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")


def _add_builds(commands: Any) -> None:
    parser = _add(commands, "builds", _builds, "List the Windows builds.")
    parser.add_argument("--json", action="store_true", help="one JSON document")


# ------------------------------------------------------------ trace
def _trace(options: argparse.Namespace) -> int:
    from wowsim.trace.events import MemoryChanged

    stdout = sys.stderr.buffer if options.output is None else sys.stdout.buffer
    level: Level = "full" if options.format == "text" else "calls"
    with loaded(options, stdout) as sim, _output(options.output) as out:
        wanted = _services(sim, options)
        result = guarded(sim, lambda: sim.run(options.limit, options.timeout, level))
        trace = result.trace
        assert trace is not None
        calls = [call for call in trace.calls() if wanted is None or call.name in wanted]
        changes = [
            event
            for event in trace.events
            if wanted is None or not isinstance(event, MemoryChanged) or event.cause in wanted
        ]
        for line in _formatted(sim, options, calls, changes):
            out.write(line.encode("utf-8", "backslashreplace") + b"\n")
    if wanted and not calls:
        print(f"wowsim: no call of {', '.join(sorted(wanted))} before the end", file=sys.stderr)
    return exit_code(result)


def _services(sim: Simulation, options: argparse.Namespace) -> set[str] | None:
    """The Nt names asked for; None means all."""
    if options.call is None:
        return None
    wanted = {"Nt" + name[2:] if name.startswith("Zw") else name for name in options.call}
    unknown = sorted(wanted - sim.services.keys())
    if unknown:
        system = options.sysroot or sim.build.name
        raise UsageError(f"{system} has no service {', '.join(map(repr, unknown))}")
    return wanted


def _formatted(
    sim: Simulation, options: argparse.Namespace, calls: Sequence[Any], events: Sequence[Any]
) -> Iterator[str]:
    if options.format == "jsonl":
        from wowsim import __version__
        from wowsim.trace.jsonl import lines

        program = PureWindowsPath(program_of(options)[0]).name
        yield from lines(
            calls, events, build=options.build, seed=options.seed, program=program, version=__version__
        )
        return
    if options.format == "path":
        for index, call in enumerate(calls):
            yield from ([""] if index else [])
            yield from call.path
        return
    yield from _listings(sim, calls, events)


def _listings(sim: Simulation, calls: Sequence[Any], changes: Sequence[Any]) -> Iterator[str]:
    """Calls as listings; the guest's memory changes stand in a paragraph behind the call that was last."""
    from wowsim.render.text import NATIVE, WOW64, change, last_look, listing, redirection, refusal
    from wowsim.trace.events import Call, FastFailed, Redirected, UnsupportedCalled, timeline

    wow64 = sim.build.wow64
    target = WOW64 if wow64 else NATIVE
    previous: Any = None
    for item in timeline(calls, changes):
        if previous is not None and (isinstance(item, Call) or isinstance(previous, Call)):
            yield ""
        if isinstance(item, Call):
            gs_base = item.teb32 - 0x2000 if wow64 else 0
            yield from listing(item.steps, sim.symbols, item.teb32, gs_base, target)
        elif isinstance(item, FastFailed):
            yield from last_look(item, sim.symbols)
        elif isinstance(item, UnsupportedCalled):
            yield refusal(item)
        elif isinstance(item, Redirected):
            yield redirection(item)
        else:
            yield change(item)
        previous = item


@contextmanager
def _output(path: str | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = open(path, "wb")  # noqa: SIM115 - closed below; an error while writing is none of opening
    except OSError as error:
        raise UsageError(f"{path!r} cannot be written: {error.strerror}") from None
    with file:
        yield file


# ------------------------------------------------------------ descriptions
def _gdt(options: argparse.Namespace) -> int:
    from wowsim.cpu.segments import NATIVE_SEGMENTS, WOW64_SEGMENTS, native_gdt, windows_gdt
    from wowsim.nt.builds import build_named
    from wowsim.render import gdt

    build = build_named(options.build)
    make, segments = (windows_gdt, WOW64_SEGMENTS) if build.wow64 else (native_gdt, NATIVE_SEGMENTS)
    teb = build.teb if options.sysroot is None else _teb_with_root(options)
    descriptors, width = make(teb), build.kernel_width
    if options.json:
        _print_json(gdt.rows(descriptors, width))
        return 0
    dump = gdt.dump if build.wow64 else gdt.dump32
    for selector in (segments.code32, segments.code64 or segments.teb):
        print(*dump(descriptors, selector & ~7, segments.address), "", sep="\n")
    print(*gdt.table(descriptors, width), sep="\n")
    return 0


def _teb_with_root(options: argparse.Namespace) -> int:
    """Where the first thread of a process has its 32-bit TEB, which the root's kind decides, too."""
    from wowsim.simulation import Simulation

    with Simulation(options.build, sysroot=options.sysroot) as sim:
        sim.load_shellcode(b"\xc3")
        return next(iter(sim.threads)).teb32


def _builds(options: argparse.Namespace) -> int:
    from wowsim.nt.builds import BUILDS

    if options.json:
        _print_json([{"name": b.name, "title": b.title, "version": list(b.version)} for b in BUILDS.values()])
        return 0
    width = max(map(len, BUILDS))
    for build in BUILDS.values():
        print(f"{build.name:<{width}}  {build.title}")
    return 0


def _print_json(document: Any) -> None:
    import json

    print(json.dumps(document, indent=2))
