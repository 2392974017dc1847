"""``wowsim run``, and what every command shares that runs a program: streams, limits, Ctrl-C, exit codes.

The guest's output passes through as it comes, standard input is read when the guest reads it.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from wowsim.cli_options import add_machine, add_process
from wowsim.cli_progress import ProgressLine
from wowsim.errors import StopReason, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from wowsim.simulation import RunResult, Simulation

REFUSED = 125
ENDED = (StopReason.EXITED, StopReason.UNHANDLED_EXCEPTION, StopReason.FAST_FAIL)
"""Reasons that are the program's own doing."""


def add_parser(subparsers: Any) -> None:
    """Enter the command into the command line."""
    summary = "Run a program; its console is wowsim's standard input, output and error."
    parser = subparsers.add_parser("run", help=summary, description=summary, allow_abbrev=False)
    parser.set_defaults(command=run)
    add_machine(parser)
    add_process(parser)


def run(options: argparse.Namespace) -> int:
    """Do what the command line says."""
    with loaded(options, sys.stdout.buffer) as sim:
        result = guarded(sim, lambda: sim.run(options.limit, options.timeout))
    return exit_code(result)


def refuse(message: str) -> int:
    """One line on stderr; the exit code."""
    print("wowsim:", " ".join(message.split()), file=sys.stderr)
    return REFUSED


def exit_code(result: RunResult) -> int:
    """What the run comes to, with a line on stderr when it did not come to the program's own end."""
    if result.reason is not StopReason.EXITED:
        said = result.detail.startswith(result.reason.value)
        refuse(result.detail if said else f"{result.reason.value}: {result.detail}")
    if result.reason not in ENDED or result.exit_status is None:
        return REFUSED
    return result.exit_status & 0xFF


def program_of(options: argparse.Namespace) -> tuple[str, list[str]]:
    """PROGRAM and its arguments.

    Raises:
        UsageError: there is none.
    """
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        raise UsageError("PROGRAM is missing")
    return words[0], words[1:]


@contextmanager
def loaded(options: argparse.Namespace, stdout: BinaryIO) -> Iterator[Simulation]:
    """A simulation with the program loaded, as the shared options say.

    Args:
        options: what :func:`add_machine` and :func:`add_process` made.
        stdout: where the program's standard output goes.
    """
    program, arguments = program_of(options)
    with ExitStack() as stack:
        stdin = _standard_input(options.stdin, stack)
        line = ProgressLine(sys.stderr)
        stack.callback(line.erase)
        sim = stack.enter_context(_simulation(options, _pass_through(stdout, line)))
        _tell_unsupported(sim, line)
        for host, guest, writable in options.mount:
            sim.files.mount(host, guest, writable=writable)
        for file in options.registry:
            sim.registry.load(Path(file))
        sim.load(program, arguments, env=dict(options.env), cwd=options.cwd, stdin=stdin)
        if sys.stderr.isatty() if options.progress is None else options.progress:
            sim.on_progress(line.show)
        yield sim


def _simulation(options: argparse.Namespace, on_output: Callable[[str, bytes], None]) -> Simulation:
    from wowsim.simulation import Simulation

    memory = {} if options.memory is None else {"memory": options.memory}
    return Simulation(
        options.build,
        options.seed,
        options.sysroot,
        on_output=on_output,
        keep_output=False,
        three_gb=options.three_gb,
        on_unsupported=options.on_unsupported,
        turbo=options.turbo,
        **memory,
    )


def _standard_input(source: str | None, stack: ExitStack) -> BinaryIO:
    if source is None or source == "-":
        # unbuffered: a thread that waits in a buffer would hold its lock when the interpreter ends
        own: BinaryIO = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        return own
    try:
        return stack.enter_context(open(source, "rb"))
    except OSError as error:
        raise UsageError(f"standard input {source!r} cannot be read: {error.strerror}") from None


def _pass_through(stdout: BinaryIO, line: ProgressLine) -> Callable[[str, bytes], None]:
    streams = {"stdout": (stdout, stdout.isatty()), "stderr": (sys.stderr.buffer, sys.stderr.isatty())}

    def write(name: str, data: bytes) -> None:
        stream, terminal = streams[name]
        line.erase()
        stream.write(data)
        stream.flush()
        if terminal:
            line.free = data.endswith(b"\n")

    return write


def _tell_unsupported(sim: Simulation, line: ProgressLine) -> None:
    """One line on stderr for each kind of call that is answered STATUS_NOT_IMPLEMENTED."""
    from wowsim.trace.events import UnsupportedCalled

    told: set[str] = set()

    def tell(event: UnsupportedCalled) -> None:
        if event.status is not None and event.detail not in told:
            told.add(event.detail)
            line.erase()
            print("wowsim:", f"{event.detail}: answered {event.status:08X}", file=sys.stderr)

    sim.on(UnsupportedCalled, tell)


def guarded(sim: Simulation, run: Callable[[], RunResult]) -> RunResult:
    """Run; Ctrl-C stops the guest even while it calls nothing."""
    if threading.current_thread() is not threading.main_thread():
        return run()
    # Python's own handler runs only when the main thread is back from native code: a second thread is woken
    # by the signal at once and stops the machine
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        if ear.recv(1) != bytes((signal.SIGINT,)):
            return
        ear.settimeout(0.05)
        while True:  # again and again: an engine about to start forgets it
            sim.stop()
            try:
                if not ear.recv(1):
                    return
            except TimeoutError:
                continue

    listener = threading.Thread(target=listen, name="wowsim-interrupt", daemon=True)
    listener.start()
    try:
        return run()
    finally:
        signal.set_wakeup_fd(before)
        mouth.close()
        listener.join()
        ear.close()
