"""What the caller of the library hands over, checked before anything is built from it.

Stands for no Windows component. Who may import it: the simulation.
"""

from __future__ import annotations

from io import TextIOBase
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from wowsim.cpu.cpuid import VENDORS
from wowsim.errors import UsageError
from wowsim.simulation.program import command_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wowsim.nt.builds import Build

PAGE = 0x1000
LEAST_MEMORY = 8 << 20
MOST_MEMORY = 1 << 36
MAX_COMMAND_LINE = 32767
"""CreateProcessW's documentation: characters of lpCommandLine with the terminating null."""
MAX_VARIABLE = 32767
"""Microsoft Learn, "Environment Variables": characters of a variable with the terminating null."""
_FORBIDDEN = frozenset('<>:"/\\|?*')


def machine(seed: object, memory: object, quantum: object, cpu_vendor: object) -> None:
    """Arguments of the constructor.

    Raises:
        UsageError: one makes no sense.
    """
    if not isinstance(seed, int):
        raise UsageError(f"seed={seed!r}; expected an integer")
    if not isinstance(memory, int) or not LEAST_MEMORY <= memory <= MOST_MEMORY or memory % PAGE:
        raise UsageError(
            f"memory={memory!r}; expected bytes of guest RAM, a multiple of {PAGE:#x} "
            f"from {LEAST_MEMORY:#x} to {MOST_MEMORY:#x}"
        )
    if not isinstance(quantum, int) or quantum < 1:
        raise UsageError(f"quantum={quantum!r}; expected instructions of a turn, 1 or more")
    if cpu_vendor not in VENDORS:
        raise UsageError(f"cpu_vendor={cpu_vendor!r}; expected one of {', '.join(VENDORS)}")


def sysroot(build: Build, wanted: object) -> None:
    """Whether a build can have a system root.

    Raises:
        UsageError: it cannot, or that is no name of one.
    """
    if not isinstance(wanted, (str, Path)):
        raise UsageError(f"sysroot={wanted!r}; expected a name or the path of a folder")
    if not build.wow64:
        raise UsageError(
            f"a system root is a 64-bit Windows, {build.name} has 32 bits; choose a 64-bit build"
        )


def turbo(build: Build, wanted: object) -> bool:
    """Whether turbo thunks are used.

    Raises:
        UsageError: that is no truth value, or the build has none to turn off.
    """
    if not isinstance(wanted, bool):
        raise UsageError(f"turbo={wanted!r}; expected True or False")
    if not wanted and not build.wow64:
        raise UsageError(f"turbo thunks are wow64cpu's; {build.name} has 32 bits and none to turn off")
    return wanted


def running(limit: object, timeout: object) -> None:
    """Limits of a run.

    Raises:
        UsageError: one makes no sense.
    """
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise UsageError(f"limit={limit!r}; expected a number of instructions, 0 or more")
    if timeout is not None and (not isinstance(timeout, (int, float)) or not timeout > 0):
        raise UsageError(f"timeout={timeout!r}; expected a number of seconds above 0")


def program(source: object, args: object, stdin: object, name: object) -> None:
    """A program and what it is given.

    Raises:
        UsageError: one is of the wrong kind.
    """
    if not isinstance(source, (str, Path, bytes)):
        raise UsageError(f"program of type {type(source).__name__}; expected a path or the file's bytes")
    if isinstance(source, (str, Path)) and "\0" in str(source):
        raise UsageError(f"{str(source)!r} is no path: it contains a null character")
    if isinstance(args, str) or not all(isinstance(arg, str) for arg in _items(args)):
        raise UsageError(f'args={args!r}; expected a list of strings such as ["x"]')
    if not isinstance(stdin, bytes) and (isinstance(stdin, TextIOBase) or not hasattr(stdin, "read")):
        raise UsageError(f"stdin of type {type(stdin).__name__}; expected bytes or a binary stream")
    if name is not None and (not isinstance(name, str) or not _is_file_name(name)):
        raise UsageError(f"name={name!r}; expected a file name such as 'program.exe'")


def code(source: object) -> None:
    """Shellcode.

    Raises:
        UsageError: it is no bytes.
    """
    if not isinstance(source, bytes):
        raise UsageError(f"shellcode of type {type(source).__name__}; expected bytes")


def start(words: Sequence[str], env: Mapping[str, Any] | None, cwd: object) -> None:
    """What Windows keeps in the process parameters.

    Raises:
        UsageError: Windows could not start such a process.
    """
    line = command_line(words)
    if len(line) >= MAX_COMMAND_LINE:
        raise UsageError(
            f"the command line has {len(line)} characters; Windows allows {MAX_COMMAND_LINE - 1}"
        )
    if "\0" in line:
        raise UsageError("an argument contains a null character, which ends a command line")
    if not isinstance(cwd, str):
        raise UsageError(f"cwd={cwd!r}; expected a directory in the guest such as 'C:\\Temp'")
    for name, value in _pairs(env):
        if not isinstance(name, str) or not name or "=" in name[1:] or "\0" in name:
            raise UsageError(f"environment variable {name!r}; expected a name without '='")
        if value is not None and (not isinstance(value, str) or "\0" in value):
            raise UsageError(
                f"environment variable {name}={value!r}; expected a string, or None to remove it"
            )
        if value is not None and len(value) >= MAX_VARIABLE:
            raise UsageError(
                f"environment variable {name} has {len(value)} characters; Windows allows {MAX_VARIABLE - 1}"
            )


def _items(value: object) -> list[object]:
    try:
        return list(value)  # type: ignore[call-overload,no-any-return]  # anything may come from outside
    except TypeError:
        return [value]


def _pairs(env: object) -> list[tuple[object, object]]:
    if env is None:
        return []
    items = getattr(env, "items", None)
    if items is None:
        raise UsageError(f"env={env!r}; expected a mapping of names to strings")
    return list(items())


def _is_file_name(name: str) -> bool:
    return (
        bool(name)
        and len(name) <= 255
        and PureWindowsPath(name).name == name
        and not any(c in _FORBIDDEN or c < " " for c in name)
    )
