"""Options that the commands share: which machine, and which process with which limits.

Part of the command line; nothing else may import it.
"""

from __future__ import annotations

import argparse

DEFAULT_BUILD = "win7sp1"


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Which Windows."""
    parser.add_argument("--build", default=DEFAULT_BUILD, metavar="NAME", help=f"default: {DEFAULT_BUILD}")
    parser.add_argument("--sysroot", metavar="DIR", help="folder with real system DLLs")


def add_process(parser: argparse.ArgumentParser) -> None:
    """What runs, with what and how long: everything but wowsim's options stands behind PROGRAM."""
    parser.add_argument(
        "--seed", type=_integer, default=0, metavar="N", help="decides what Windows leaves to chance"
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="instructions at most")
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="seconds at most")
    parser.add_argument(
        "--env", type=_variable, action="append", default=[], metavar="K=V", help="environment variable"
    )
    parser.add_argument("--cwd", default="C:\\", help="current directory in the guest")
    parser.add_argument(
        "--mount",
        type=_mount,
        action="append",
        default=[],
        metavar="HOST=GUEST[:rw]",
        help="show a host directory",
    )
    parser.add_argument(
        "--registry",
        action="append",
        default=[],
        metavar="FILE.reg",
        help="registry text to load before the program",
    )
    parser.add_argument(
        "--3gb", action="store_true", dest="three_gb", help="start a 32-bit Windows with 3 GB of user memory"
    )
    parser.add_argument(
        "--on-unsupported",
        choices=("stop", "status"),
        default="stop",
        help="what a service does that wowsim lacks: end the run, or return STATUS_NOT_IMPLEMENTED; default: stop",
    )
    parser.add_argument(
        "--no-turbo", action="store_false", dest="turbo", help="send every service through wow64.dll"
    )
    parser.add_argument("--stdin", metavar="FILE", help="standard input; - is wowsim's own")
    # one positional of remaining words: a second one would let argparse look for options behind PROGRAM
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="PROGRAM [ARG...]", help="a 32-bit PE file"
    )
    parser.usage = f"{parser.prog} [OPTIONS] PROGRAM [ARG...]"


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no integer") from None


def _count(text: str) -> int:
    value = _integer(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _mount(text: str) -> tuple[str, str, bool]:
    host, _, guest = text.rpartition("=")
    writable = guest.endswith(":rw")
    guest = guest[: -len(":rw")] if writable else guest
    if not host or not guest:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST=GUEST or HOST=GUEST:rw")
    return host, guest, writable
