r"""What wow64.dll makes of file names (wow64-facts section 11), as a function and in a running process."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wowsim
from wowsim.host64.file_redirection import Rules, redirected

if TYPE_CHECKING:
    from collections.abc import Iterator

VISTA, WIN7 = Rules(sysnative=True, driver_store_shared=False), Rules(True, True)
XP = Rules(sysnative=False, driver_store_shared=False)
W = "\\??\\C:\\Windows\\"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (W + "System32", W + "SysWOW64"),
        (W + "system32\\a.dll", W + "SysWOW64\\a.dll"),
        ("\\??\\c:\\WINDOWS\\SYSTEM32\\x\\y", "\\??\\c:\\WINDOWS\\SysWOW64\\x\\y"),
        ("\\SystemRoot\\System32\\a.dll", "\\SystemRoot\\SysWOW64\\a.dll"),
        (W + "System32\\catroot\\a", None),
        (W + "System32\\CatRoot2", None),
        (W + "System32\\catroot3", W + "SysWOW64\\catroot3"),
        (W + "System32\\drivers\\etc\\hosts", None),
        (W + "System32\\drivers\\a.sys", W + "SysWOW64\\drivers\\a.sys"),
        (W + "System32\\LogFiles\\a", None),
        (W + "System32\\spool\\a", None),
        (W + "System32\\driverstore\\a", None),
        (W + "lastgood\\system32\\a", W + "lastgood\\SysWOW64\\a"),
        (W + "lastgood\\system", None),
        (W + "regedit.exe", W + "SysWOW64\\regedit.exe"),
        (W + "regedit.exe\\a", None),
        (W + "Sysnative\\a.dll", W + "System32\\a.dll"),
        (W + "Sysnative", W + "System32"),
        (W + "SysWOW64\\a", None),
        (W + "System321\\a", None),
        ("\\??\\D:\\Windows\\System32", None),
        ("\\??\\C:\\Program Files\\a", None),
        (
            "\\Device\\HarddiskVolume1\\Windows\\System32\\a",
            "\\Device\\HarddiskVolume1\\Windows\\SysWOW64\\a",
        ),
        ("\\??\\C:\\Windows", None),
        ("", None),
    ],
)
def test_the_rules(path: str, target: str | None) -> None:
    assert redirected(path, WIN7) == target


def test_what_depends_on_the_build_and_the_switch() -> None:
    assert redirected(W + "System32\\driverstore\\a", VISTA) == W + "SysWOW64\\driverstore\\a"
    assert redirected(W + "Sysnative\\a", XP) is None
    assert redirected(W + "System32\\a", WIN7, disabled=True) is None
    assert redirected(W + "Sysnative\\a", WIN7, disabled=True) == W + "System32\\a"


@settings(max_examples=200, derandomize=True)
@given(st.text(max_size=30), st.booleans())
def test_any_name_is_answered_and_what_is_redirected_stays_so(tail: str, disabled: bool) -> None:
    for path in (tail, W + tail, W + "System32\\" + tail):
        target = redirected(path, WIN7, disabled=disabled)
        if target is not None and "System32" not in target:
            assert redirected(target, WIN7, disabled=disabled) is None


# ---------------------------------------------------------------- in a process
DATA = 0x210000
HANDLE, BLOCK, ATTRIBUTES, STRING, TEXT = (DATA + at for at in (0, 8, 0x10, 0x30, 0x40))


class Guest:
    """A 32-bit process whose services are called through ntdll32's stubs."""

    def __init__(self, sim: wowsim.Simulation) -> None:
        self.sim = sim
        self.events: list[tuple[str, str]] = []
        sim.load_shellcode(bytes(0x80000))
        sim.on(wowsim.Redirected, lambda e: self.events.append((e.name, e.target)))

    def open(self, name: str, root: int = 0, options: int = 0x20) -> tuple[int, int]:
        """ZwOpenFile: status and handle."""
        data = name.encode("utf-16-le", "surrogatepass")
        write = self.sim.memory.write
        write(HANDLE, struct.pack("<III", 0xCCCCCCCC, 0xCCCCCCCC, 0xCCCCCCCC))
        write(ATTRIBUTES, struct.pack("<6I", 24, root, STRING, 0x40, 0, 0))
        write(STRING, struct.pack("<HHI", len(data), len(data), TEXT))
        write(TEXT, data)
        status = self.sim.call32("ntdll32!ZwOpenFile", HANDLE, 0x100001, ATTRIBUTES, BLOCK, 7, options)
        assert self.sim.memory.read(TEXT, len(data)) == data, "the caller's name is left alone"
        return status, struct.unpack("<I", self.sim.memory.read(HANDLE, 4))[0]

    def read(self, handle: int) -> bytes:
        """What the file holds."""
        arguments = handle, 0, 0, 0, BLOCK, TEXT, 16, 0, 0
        assert self.sim.call32("ntdll32!ZwReadFile", *arguments) == 0
        (size,) = struct.unpack("<I", self.sim.memory.read(BLOCK + 4, 4))
        return self.sim.memory.read(TEXT, size)


@pytest.fixture(params=["win7sp1", "win10-22h2"])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with wowsim.Simulation(build=request.param) as sim:
        for folder in ("System32", "SysWOW64"):
            sim.files.add(rf"C:\Windows\{folder}\a.txt", folder.encode())
            sim.files.add(rf"C:\Windows\{folder}\sub\b.txt", b"below " + folder.encode())
        yield Guest(sim)


def test_absolute_names(guest: Guest) -> None:
    for given_name, content in (
        ("System32", b"SysWOW64"),
        ("SYSNATIVE", b"System32"),
        ("syswow64", b"SysWOW64"),
    ):
        status, handle = guest.open(rf"\??\C:\Windows\{given_name}\a.txt")
        assert (status, guest.read(handle)) == (0, content)
    assert guest.events == [
        (r"\??\C:\Windows\System32\a.txt", r"\??\C:\Windows\SysWOW64\a.txt"),
        (r"\??\C:\Windows\SYSNATIVE\a.txt", r"\??\C:\Windows\System32\a.txt"),
    ]


def test_names_below_a_directory_handle(guest: Guest) -> None:
    status, windows = guest.open("\\??\\C:\\Windows", options=0x21)
    assert status == 0
    status, handle = guest.open("system32\\sub\\b.txt", windows)
    assert (status, guest.read(handle)) == (0, b"below SysWOW64")
    start = "\\Device\\HarddiskVolume1\\Windows\\"
    assert guest.events == [(start + "system32\\sub\\b.txt", start + "SysWOW64\\sub\\b.txt")]
    status, native = guest.open("Sysnative\\sub", windows, options=0x21)
    assert status == 0
    status, handle = guest.open("b.txt", native)
    assert (status, guest.read(handle)) == (0, b"below System32"), (
        "below a handle nothing is redirected twice"
    )
    assert guest.open("system32\\a.txt", 0x7FF0)[0] == 0xC0000008, "a bad handle is the kernel's to refuse"


def test_the_switch_of_a_thread(guest: Guest) -> None:
    (thread,) = guest.sim.threads
    slot = thread.teb64 + 0x1480 + 8 * 8
    guest.sim.memory.write(slot, b"\1" + bytes(7))
    status, handle = guest.open(r"\??\C:\Windows\System32\a.txt")
    assert (status, guest.read(handle), guest.events) == (0, b"System32", [])
    guest.sim.memory.write(slot, bytes(8))
    status, handle = guest.open(r"\??\C:\Windows\System32\a.txt")
    assert (status, guest.read(handle)) == (0, b"SysWOW64")


def test_a_long_name_is_converted_in_temporary_memory_that_is_freed(guest: Guest) -> None:
    deep = "\\".join(["d" * 200] * 20)
    guest.sim.files.add(rf"C:\Windows\SysWOW64\{deep}\a.txt", b"deep")
    assert guest.open(r"\??\C:\Windows\System32\a.txt")[0] == 0
    before = [vad.start for vad in guest.sim.vads.rows()]
    status, handle = guest.open(rf"\??\C:\Windows\System32\{deep}\a.txt")
    assert (status, guest.read(handle)) == (0, b"deep")
    assert guest.open("\\??\\C:\\Windows\\System32\\" + "x" * 32000)[0] in (
        0xC0000033,
        0xC000003A,
        0xC0000034,
    )
    assert [vad.start for vad in guest.sim.vads.rows()] == before
    (thread,) = guest.sim.threads
    assert guest.sim.memory.read(thread.teb64 + 0x1480 + 3 * 8, 8) == bytes(8), (
        "the list of blocks is empty again"
    )


def test_the_target_of_a_rename_is_redirected(guest: Guest) -> None:
    data = "\\??\\C:\\Windows\\System32\\c.txt".encode("utf-16-le")
    assert guest.open(r"\??\C:\Windows\System32\a.txt")[0] == 0
    write = guest.sim.memory.write
    name = "\\??\\C:\\Windows\\System32\\a.txt".encode("utf-16-le")
    write(STRING, struct.pack("<HHI", len(name), len(name), TEXT))
    write(TEXT, name)
    opened = guest.sim.call32("ntdll32!ZwOpenFile", HANDLE, 0x110000, ATTRIBUTES, BLOCK, 7, 0x20)
    (handle,) = struct.unpack("<I", guest.sim.memory.read(HANDLE, 4))
    write(TEXT, struct.pack("<III", 0, 0, len(data)) + data)
    arguments = handle, BLOCK, TEXT, 12 + len(data), 10
    assert (opened, guest.sim.call32("ntdll32!ZwSetInformationFile", *arguments)) == (0, 0)
    assert guest.sim.files.exists(r"C:\Windows\SysWOW64\c.txt")
    assert guest.events[-1][1] == r"\??\C:\Windows\SysWOW64\c.txt"
