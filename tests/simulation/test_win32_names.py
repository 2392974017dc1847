r"""Odd names through CreateFileW: what Win32 makes of them before the kernel sees them.

Sources: "Naming Files, Paths, and Namespaces" and "File path formats on Windows systems" (learn.microsoft.com);
what is unverified says so. The kernel's own answers are in tests/kernel/test_names_table.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from programs import BIN

import wowsim

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERIC_READ, GENERIC_WRITE = 0x80000000, 0x40000000
OPEN_EXISTING, OPEN_ALWAYS = 3, 4
FAILED = 0xFFFFFFFF
SECRET = b"the host's own"
NOT_FOUND, NO_PATH, DENIED, INVALID_NAME, TOO_LONG = 2, 3, 5, 123, 206
LONG = "x" * 250

NAMES = [
    (r"C:\data\a.txt", 0, r"\data\a.txt"),
    (r"c:\DATA\A.TXT", 0, r"\data\a.txt"),
    ("C:/data/a.txt", 0, r"\data\a.txt"),
    (r"C:\data\\a.txt", 0, r"\data\a.txt"),
    (r"C:\data\..\data\.\a.txt", 0, r"\data\a.txt"),
    (r"C:\..\..\data\a.txt", 0, r"\data\a.txt"),
    (r"C:\data\a.txt.", 0, r"\data\a.txt"),
    (r"C:\data\a.txt. . ", 0, r"\data\a.txt"),
    (r"C:\data.\a.txt", 0, r"\data\a.txt"),
    (r"\\?\C:\data\a.txt", 0, r"\data\a.txt"),
    (r"\\.\C:\data\a.txt", 0, r"\data\a.txt"),
    (r"\\.\C:\data\x\..\a.txt", 0, r"\data\a.txt"),
    (r"\\?\GLOBALROOT\Device\HarddiskVolume1\data\a.txt", 0, r"\data\a.txt"),
    (r"\\?\C:\data\..\data\a.txt", INVALID_NAME, None),
    (r"\\?\C:\data\a.txt.", NOT_FOUND, None),
    (r"\\?\C:\data\dot.", 0, r"\data\dot."),
    (r"C:\data\dot.", NOT_FOUND, None),
    (r"\\?\C:/data/a.txt", NOT_FOUND, None),  # unverified: the object manager finds no "C:/data/a.txt"
    (r"C:\data\a.txt:x", 0, r"\data\a.txt:x"),
    (r"C:\data\a.txt:X:$DATA", 0, r"\data\a.txt:x"),
    (r"C:\data\a.txt:y", NOT_FOUND, None),
    (r"C:\data\a.txt::$DATA", 0, r"\data\a.txt"),
    ("C:\\data\\a.txt\\", INVALID_NAME, None),
    (r"C:\data\a*.txt", INVALID_NAME, None),
    (r"C:\data\missing", NOT_FOUND, None),
    (r"C:\missing\a.txt", NO_PATH, None),
    ("C:\\data\\\ud800", NOT_FOUND, None),
    (r"D:\a.txt", NO_PATH, None),
    (r"\\server\share\a.txt", NO_PATH, None),  # unverified: there is no network
    ("", NO_PATH, None),
    ("NUL", 0, None),
    ("nul.txt", 0, None),
    (r"C:\data\NUL", 0, None),
    (r"C:\data\nul :x.txt", 0, None),  # unverified on Windows 11
    (r"\\.\NUL", 0, None),
    (r"C:\data\COM1.txt", NOT_FOUND, None),
    ("LPT9", NOT_FOUND, None),
    (r"\\?\C:\data\NUL", NOT_FOUND, None),
    (r"\\.\pipe\nobody", NOT_FOUND, None),
    (r"\\.\C:", DENIED, None),
    ("C:\\" + LONG + "\\" + LONG, NO_PATH, None),
    ("\\\\?\\C:\\" + LONG + "\\" + LONG, NO_PATH, None),
    ("\\\\?\\C:\\" + LONG, NOT_FOUND, None),
    ("\\\\?\\C:\\" + "x" * 256, INVALID_NAME, None),
    ("\\\\?\\C:" + "\\x" * 16000, NO_PATH, None),
    ("\\\\?\\C:\\" + "x" * 40000, TOO_LONG, None),  # longer than a UNICODE_STRING
    (r"C:\m\in.txt", 0, r"\m\in.txt"),
    (r"C:\m\..\m\IN.TXT", 0, r"\m\in.txt"),
    (r"\\?\C:\m\..\..\secret.txt", INVALID_NAME, None),
    (r"C:\m\out.txt", NOT_FOUND, None),
    (r"C:\m\up\secret.txt", NO_PATH, None),
    (r"C:\m\in.txt:x", INVALID_NAME, None),
]
"""Name, error of CreateFileW(GENERIC_READ, OPEN_EXISTING), path of what was opened on the volume."""


class Program:
    """A program that does nothing, whose DLLs are called from outside."""

    def __init__(self, sim: wowsim.Simulation) -> None:
        self.sim = sim
        self.room = sim.call32("kernel32!VirtualAlloc", 0, 0x40000, 0x3000, 4)

    def create(self, name: str, access: int, disposition: int, flags: int = 0) -> int:
        """CreateFileW's handle, or its error negated."""
        self.sim.memory.write(self.room, name.encode("utf-16-le", "surrogatepass") + b"\0\0")
        call = self.sim.call32
        handle = call("kernel32!CreateFileW", self.room, access, 7, 0, disposition, flags, 0)
        return -call("kernel32!GetLastError") if handle == FAILED else handle

    def path_of(self, handle: int) -> str | None:
        """FileNameInformation; None for a device."""
        at = self.room + 0x30000
        name = f"{self.sim.build.ntdll.name}!ZwQueryInformationFile"
        if self.sim.call32(name, handle, at, at + 0x10, 0x1000, 9):
            return None
        length = int.from_bytes(self.sim.memory.read(at + 0x10, 4), "little")
        return self.sim.memory.read(at + 0x14, length).decode("utf-16-le")


@pytest.fixture(scope="module", params=["win7sp1", "win10-22h2", "win7sp1-x86"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    host = tmp_path_factory.mktemp("host")
    inside = host / "inside"
    inside.mkdir()
    (inside / "in.txt").write_bytes(b"in")
    (host / "secret.txt").write_bytes(SECRET)
    os.symlink(host / "secret.txt", inside / "out.txt")
    os.symlink(Path(".."), inside / "up")
    with wowsim.Simulation(build=request.param) as sim:
        sim.files.add(r"C:\data\a.txt", b"hello")
        sim.files.mount(inside, r"C:\m", writable=True)
        sim.load(BIN / "exitcode.exe")
        made = Program(sim)
        for name in (r"C:\data\a.txt:x", r"\\?\C:\data\dot."):
            handle = made.create(name, GENERIC_WRITE, OPEN_ALWAYS)
            assert handle > 0
            sim.call32("kernel32!CloseHandle", handle)
        yield made


@pytest.mark.parametrize(("name", "error", "path"), NAMES)
def test_what_a_name_means(program: Program, name: str, error: int, path: str | None) -> None:
    handle = program.create(name, GENERIC_READ, OPEN_EXISTING)
    assert max(0, -handle) == error
    if handle > 0:
        assert program.path_of(handle) == path
        program.sim.call32("kernel32!CloseHandle", handle)


@pytest.mark.parametrize(
    "name", [r"C:\m\NUL", r"\\?\C:\m\NUL", r"\\?\C:\m\x.", r"\\?\C:\m\x ", r"C:\m\out.txt"]
)
def test_nothing_is_made_beside_a_mount(program: Program, name: str) -> None:
    handle = program.create(name, GENERIC_WRITE, OPEN_ALWAYS)
    assert program.sim.files.list(r"C:\m") == ["in.txt"]
    if handle > 0:
        assert program.path_of(handle) is None  # the device
