"""PEB, TEB and RTL_USER_PROCESS_PARAMETERS in both widths, as the kernel leaves them before user code runs.

Stands for MmCreatePeb, MmCreateTeb and the caller's RtlCreateProcessParameters. Offsets: wow64-facts sections 3
and 9.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal

from wowsim.kernel.names import upcase
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build

Width = Literal[32, 64]
PARAMETERS_SIZE = 0x1000
NORMALIZED = 1
LONGEST_STRING = 0x7FFE
"""Characters that a UNICODE_STRING and a null behind it hold."""


@dataclass(frozen=True)
class Start:
    """What the process is started with.

    Attributes:
        image_path: Win32 path of the program.
        command_line: the whole line.
        current_directory: with trailing backslash.
        environment: variables, in order.
        handles: standard input, output, error.
        title: of its window; None for the program's path.
        desktop: window station and desktop.
        shell: STARTUPINFO's lpReserved; ``runtime`` its lpReserved2, bytes that a C run-time hands on.
        window_flags: STARTUPINFO's dwFlags and wShowWindow.
    """

    image_path: str
    command_line: str
    current_directory: str
    environment: Mapping[str, str]
    handles: tuple[int, int, int]
    title: str | None = None
    desktop: str = r"WinSta0\Default"
    shell: str = ""
    runtime: bytes = b""
    window_flags: tuple[int, int] = (0, 0)


def environment_block(variables: Mapping[str, str]) -> bytes:
    """Sorted ``NAME=value`` strings, UTF-16, ended by an empty one."""
    lines = sorted((f"{name}={value}" for name, value in variables.items()), key=str.upper)
    return ("".join(line + "\0" for line in lines) + "\0").encode("utf-16-le", "surrogatepass")


def changed_environment(variables: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Variables set, or taken away by None; their names are compared without case."""
    found = dict(variables)
    for name, value in changes.items():
        for known in [known for known in found if upcase(known) == upcase(name)]:
            del found[known]
        if value is not None:
            found[name] = value
    return found


def default_environment(wow64: bool = True, bits: int = 32) -> dict[str, str]:
    """What a process finds, on 64-bit Windows (wow64-facts section 11) or on 32-bit Windows; no host values.

    Args:
        wow64: whether the Windows has 64 bits.
        bits: of the program.
    """
    found = _wow64_environment()
    if bits == 64:
        own = {"PROCESSOR_ARCHITECTURE": "AMD64", "ProgramFiles": found["ProgramW6432"]}
        own["CommonProgramFiles"] = found["CommonProgramW6432"]
        return {
            name: own.get(name, value) for name, value in found.items() if name != "PROCESSOR_ARCHITEW6432"
        }
    if wow64:
        return found
    own = {name: value.replace(" (x86)", "") for name, value in found.items()}
    return {name: value for name, value in own.items() if "W6432" not in name and "(x86)" not in name}


def _wow64_environment() -> dict[str, str]:
    return {
        "ALLUSERSPROFILE": r"C:\ProgramData",
        "COMPUTERNAME": "WOWSIM",
        "ComSpec": r"C:\Windows\system32\cmd.exe",
        "CommonProgramFiles": r"C:\Program Files (x86)\Common Files",
        "CommonProgramFiles(x86)": r"C:\Program Files (x86)\Common Files",
        "CommonProgramW6432": r"C:\Program Files\Common Files",
        "NUMBER_OF_PROCESSORS": "1",
        "OS": "Windows_NT",
        "PATHEXT": ".COM;.EXE;.BAT;.CMD",
        "PROCESSOR_ARCHITECTURE": "x86",
        "PROCESSOR_ARCHITEW6432": "AMD64",
        "Path": r"C:\Windows\system32;C:\Windows",
        "ProgramFiles": r"C:\Program Files (x86)",
        "ProgramFiles(x86)": r"C:\Program Files (x86)",
        "ProgramW6432": r"C:\Program Files",
        "SystemDrive": "C:",
        "SystemRoot": r"C:\Windows",
        "TEMP": r"C:\Temp",
        "TMP": r"C:\Temp",
        "USERNAME": "user",
        "USERPROFILE": r"C:\Users\user",
        "windir": r"C:\Windows",
    }


def parameters_size(start: Start) -> int:
    """Bytes that one block with its environment takes."""
    texts = (
        start.image_path,
        start.title or start.image_path,
        start.command_line,
        start.current_directory,
        start.desktop,
        start.shell,
        _dll_path(start),
    )
    strings = sum(2 * len(s) + 0x10 for s in texts) + len(start.runtime) + 0x800
    return (0x500 + 2 * strings + len(environment_block(start.environment)) + 0xFFF) & ~0xFFF


def _dll_path(start: Start) -> str:
    """Where DLLs are looked for: the documented order with SafeDllSearchMode (Dynamic-link library search order)."""
    path = next((value for name, value in start.environment.items() if upcase(name) == "PATH"), "")
    folders = (
        start.image_path.rpartition("\\")[0],
        r"C:\Windows\system32",
        r"C:\Windows\system",
        r"C:\Windows",
        ".",
    )
    return ";".join((*folders, path) if path else folders)[:LONGEST_STRING]


def write_parameters(memory: Memory, address: int, width: Width, start: Start) -> None:
    """Write a normalised RTL_USER_PROCESS_PARAMETERS with its strings and environment behind it."""
    wide = width == 64
    base = 0x410 if wide else 0x2A8
    data = bytearray(base)
    tail = bytearray()
    pointer = "<Q" if wide else "<I"

    def place(raw: bytes) -> int:
        at = address + base + len(tail)
        tail.extend(raw + bytes(-len(raw) % 8))
        return at

    def string(offset: int, text: str, room: int = 0) -> None:
        raw = text.encode("utf-16-le", "surrogatepass")
        maximum = max(len(raw) + 2, room)
        at = place(raw + bytes(maximum - len(raw)))
        struct.pack_into("<HH4xQ" if wide else "<HHI", data, offset, len(raw), maximum, at)

    for index, handle in enumerate(start.handles):
        size = 8 if wide else 4
        struct.pack_into(pointer, data, (0x20 if wide else 0x18) + index * size, handle & (1 << 8 * size) - 1)
    string(0x38 if wide else 0x24, start.current_directory, 0x208)
    string(0x50 if wide else 0x30, _dll_path(start))
    string(0x60 if wide else 0x38, start.image_path)
    string(0x70 if wide else 0x40, start.command_line)
    string(0xB0 if wide else 0x70, start.image_path if start.title is None else start.title)
    string(0xC0 if wide else 0x78, start.desktop)
    string(0xD0 if wide else 0x80, start.shell)
    if start.runtime:
        lengths = len(start.runtime), len(start.runtime)
        place_at = place(start.runtime)
        struct.pack_into("<HH4xQ" if wide else "<HHI", data, 0xE0 if wide else 0x88, *lengths, place_at)
    struct.pack_into("<II", data, 0xA4 if wide else 0x68, *start.window_flags)
    block = environment_block(start.environment)
    struct.pack_into(pointer, data, 0x80 if wide else 0x48, place(block))
    struct.pack_into(pointer, data, 0x3F0 if wide else 0x290, len(block))
    size = base + len(tail)
    struct.pack_into("<IIII", data, 0, size, size, NORMALIZED, 0)
    memory.write(address, bytes(data + tail))


def fields(memory: Memory, base: int, width: Width, values: Sequence[tuple[int, int, int, int]]) -> None:
    """Write (offset in 32-bit layout, offset in 64-bit layout, size, value) rows; size 0 means a pointer."""
    for narrow, wide, size, value in values:
        bytes_ = size or width // 8
        memory.write(
            base + (wide if width == 64 else narrow),
            (value & (1 << 8 * bytes_) - 1).to_bytes(bytes_, "little"),
        )


def write_peb(
    memory: Memory,
    address: int,
    width: Width,
    build: Build,
    *,
    image_base: int,
    subsystem: int,
    parameters: int,
) -> None:
    """The PEB in one width."""
    major, minor, number = build.version
    pack = int(build.service_pack.rsplit(" ", 1)[-1] or 0) if build.service_pack else 0
    fields(
        memory,
        address,
        width,
        [
            (0x04, 0x08, 0, -1),  # Mutant
            (0x08, 0x10, 0, image_base),
            (0x10, 0x20, 0, parameters),
            (0x64, 0xB8, 4, 1),  # NumberOfProcessors
            (0x70, 0xC0, 8, -25_920_000_000_000),  # CriticalSectionTimeout: 30 days, relative
            (0x78, 0xC8, 0, 0x100000),
            (0x7C, 0xD0, 0, 0x2000),
            (0xA4, 0x118, 4, major),
            (0xA8, 0x11C, 4, minor),
            (0xAC, 0x120, 2, number),
            (0xAE, 0x122, 2, pack << 8),
            (0xB0, 0x124, 4, 2),  # OSPlatformId: VER_PLATFORM_WIN32_NT
            (0xB4, 0x128, 4, subsystem),
            (0xB8, 0x12C, 4, 6),
            (0x1D4, 0x2C0, 4, 1),  # SessionId
        ],
    )


def write_teb(
    memory: Memory,
    address: int,
    width: Width,
    *,
    stack_base: int,
    stack_limit: int,
    deallocation_stack: int,
    peb: int,
    ids: tuple[int, int],
) -> None:
    """The TEB in one width; what links the two is written by the caller."""
    fields(
        memory,
        address,
        width,
        [
            (0x00, 0x00, 0, -1),  # ExceptionList: end of chain
            (0x04, 0x08, 0, stack_base),
            (0x08, 0x10, 0, stack_limit),
            (0x18, 0x30, 0, address),
            (0x20, 0x40, 0, ids[0]),
            (0x24, 0x48, 0, ids[1]),
            (0x30, 0x60, 0, peb),
            (0xC4, 0x108, 4, 0x409),
            (0x6B4, 0x7D8, 0, ids[0]),
            (0x6B8, 0x7E0, 0, ids[1]),
            (0xBFA, 0x125A, 2, 0x20A),
            (0xBFC, 0x1260, 0, address + (0xC00 if width == 32 else 0x1268)),
            (0xE0C, 0x1478, 0, deallocation_stack),
        ],
    )
