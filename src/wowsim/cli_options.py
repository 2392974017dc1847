"""Options that the commands share: which machine, and which process with which limits.

Part of the command line; nothing else may import it.
"""

from __future__ import annotations

import argparse

DEFAULT_BUILD = "win7sp1"
_POWERS = {"k": 1, "m": 2, "g": 3}


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Which Windows."""
    parser.add_argument("--build", default=DEFAULT_BUILD, metavar="NAME", help=f"default: {DEFAULT_BUILD}")
    parser.add_argument(
        "--sysroot", metavar="ROOT", help="real system DLLs: a name that sysroot list shows, or a folder"
    )


def add_process(parser: argparse.ArgumentParser) -> None:
    """What runs, with what and how long: everything but wowsim's options stands behind PROGRAM."""
    parser.add_argument(
        "--seed", type=_integer, default=0, metavar="N", help="decides what Windows leaves to chance"
    )
    parser.add_argument("--limit", type=_instructions, metavar="N", help="instructions at most; 20k, 5M, 1G")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="seconds at most")
    parser.add_argument(
        "--memory", type=_bytes, metavar="BYTES", help="of guest RAM, the commit limit; 512M, 2G; default: 1G"
    )
    parser.add_argument(
        "--env",
        type=_variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="environment variable",
    )
    parser.add_argument(
        "--unset", type=_unset, dest="env", action="append", metavar="NAME", help="take a variable away"
    )
    parser.add_argument(
        "--cwd", default="C:\\", metavar="DIR", help="current directory, in the guest; default: %(default)s"
    )
    parser.add_argument(
        "--mount",
        type=_mount,
        action="append",
        default=[],
        metavar="HOST=GUEST[:rw]",
        help="show a host directory in the guest, read-only, or with :rw writable; "
        "--mount .=C:\\work:rw --cwd C:\\work",
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
    parser.add_argument("--stdin", metavar="FILE", help="standard input; default: -, wowsim's own")
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="a line on stderr that says how a long run goes; default: where that is a terminal",
    )
    # one positional of remaining words: a second one would let argparse look for options behind PROGRAM
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="PROGRAM [ARG...]",
        help="a PE file of the host, or C:\\... in the guest",
    )
    parser.usage = f"{parser.prog} [OPTIONS] PROGRAM [ARG...]"


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no integer") from None


def _scaled(text: str, unit: int) -> int:
    """A number that may end in k, M or G."""
    power = _POWERS.get(text[-1:].lower(), 0)
    try:
        value = int(text[:-1] if power else text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no integer, with k, M or G behind it or not") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is negative")
    scale: int = unit**power
    return value * scale


def _instructions(text: str) -> int:
    return _scaled(text, 1000)


def _bytes(text: str) -> int:
    return _scaled(text, 1024)


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


def _unset(text: str) -> tuple[str, None]:
    if not text or "=" in text[1:]:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a variable")
    return text, None


def _mount(text: str) -> tuple[str, str, bool]:
    host, _, guest = text.rpartition("=")
    writable = guest.endswith(":rw")
    guest = guest[:-3] if guest.endswith((":rw", ":ro")) else guest
    if not host or not guest:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST=GUEST or HOST=GUEST:rw")
    return host, guest, writable
