from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from win32_machine import Machine

from sampled import WOW64
from wowsim.nt.builds import WIN7SP1

if TYPE_CHECKING:
    from wowsim.nt.builds import Build

GENERIC_READ, GENERIC_WRITE = 0x80000000, 0x40000000
CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING, OPEN_ALWAYS, TRUNCATE_EXISTING = range(1, 6)
FILE_OPENED, FILE_CREATED, FILE_OVERWRITTEN = 1, 2, 3
INVALID = 0xFFFFFFFF
NAMES = (
    "handle", "access", "oa", "iosb", "allocation", "attributes", "share", "disposition", "options",
    "ea", "length",
)  # fmt: skip


class Files(Machine):
    """A machine whose NtCreateFile answers ``status`` and ``information``."""

    def __init__(self, build: Build = WIN7SP1, status: int = 0, information: int = FILE_OPENED) -> None:
        super().__init__(build)
        self.status, self.information = status, information
        self.attributes: tuple[int, ...] = ()
        self.quality = b""
        self.name = ""
        self.fakes["NtCreateFile"] = self._create

    def _create(
        self, handle: int, access: int, attributes: int, iosb: int, size: int, kind: int, share: int,
        disposition: int, options: int, ea: int, length: int,
    ) -> int:  # fmt: skip
        self.attributes = tuple(self.dword(attributes + 4 * i) for i in range(6))
        self.name = self.counted(self.attributes[2])
        if self.attributes[5]:
            self.quality = bytes(self.uc.mem_read(self.attributes[5], 10))
        if self.status < 0x80000000:
            self.dword(handle, 0x44)
        self.dword(iosb, self.status)
        self.dword(iosb + 4, self.information)
        return self.status

    def open(self, name: int, *rest: int, function: str = "CreateFileW") -> int:
        return self.call(function, name, *rest)


def opened(
    machine: Files, access: int = GENERIC_READ, disposition: int = OPEN_EXISTING, flags: int = 0
) -> dict[str, int]:
    """What NtCreateFile received."""
    assert machine.open(machine.text(r"C:\a.txt"), access, 3, 0, disposition, flags, 0) == 0x44
    return dict(zip(NAMES, machine.arguments_of("NtCreateFile"), strict=True))


@pytest.mark.parametrize("build", [b for b in WOW64.values() if b.has_kernelbase], ids=lambda b: b.name)
def test_ordinary_open(build: Build) -> None:
    machine = Files(build)
    machine.last_error = 77
    passed = opened(machine)
    assert (passed["access"], passed["share"], passed["disposition"]) == (GENERIC_READ | 0x100080, 3, 1)
    assert passed["options"] == 0x60, "FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE"
    assert [passed[n] for n in ("allocation", "attributes", "ea", "length")] == [0, 0, 0, 0]
    assert machine.name == r"\??\C:\a.txt"
    length, root, _, attributes, security, quality = machine.attributes
    assert (length, root, attributes, security, quality) == (24, 0, 0x40, 0, 0)
    assert machine.last_error == 0
    assert "RtlFreeUnicodeString" in [name for name, _ in machine.calls]


@pytest.mark.parametrize(
    ("disposition", "nt"),
    [(CREATE_NEW, 2), (CREATE_ALWAYS, 5), (OPEN_EXISTING, 1), (OPEN_ALWAYS, 3), (TRUNCATE_EXISTING, 4)],
)
def test_dispositions(disposition: int, nt: int) -> None:
    assert opened(Files(), GENERIC_WRITE, disposition)["disposition"] == nt


@pytest.mark.parametrize(
    ("flag", "options"),
    [
        (0x80000000, 0x62), (0x40000000, 0x40), (0x20000000, 0x68), (0x10000000, 0x860), (0x08000000, 0x64),
        (0x04000000, 0x1060), (0x02000000, 0x4020), (0x00200000, 0x200060), (0x00100000, 0x400060), (0, 0x60),
        (0x80000000 | 0x40000000 | 0x02000000, 0x4002),
    ],
)  # fmt: skip
def test_flags_become_options(flag: int, options: int) -> None:
    assert opened(Files(), flags=flag)["options"] == options


def test_attributes_are_those_a_file_may_have() -> None:
    assert opened(Files(), flags=0x0000FFFF)["attributes"] == 0x7FA7


def test_delete_on_close_asks_for_delete() -> None:
    assert opened(Files(), flags=0x04000000)["access"] == GENERIC_READ | 0x110080


def test_posix_semantics_keeps_case() -> None:
    machine = Files()
    opened(machine, flags=0x01000000)
    assert machine.attributes[3] == 0


def test_security_attributes() -> None:
    machine = Files()
    security = machine.room(12)
    for i, value in enumerate((12, 0x1111, 1)):
        machine.dword(security + 4 * i, value)
    assert machine.open(machine.text("C:\\a"), 0, 0, security, OPEN_EXISTING, 0, 0) == 0x44
    assert machine.attributes[3:5] == (0x42, 0x1111)


def test_quality_of_service() -> None:
    machine = Files()
    opened(machine, flags=0x00100000 | 0x20000 | 0x40000 | 0x80000)
    assert machine.quality == bytes((12, 0, 0, 0, 2, 0, 0, 0, 1, 1))


@pytest.mark.parametrize(
    ("disposition", "information", "error"),
    [
        (CREATE_ALWAYS, FILE_OVERWRITTEN, 183),
        (CREATE_ALWAYS, FILE_CREATED, 0),
        (OPEN_ALWAYS, FILE_OPENED, 183),
        (OPEN_ALWAYS, FILE_CREATED, 0),
        (OPEN_EXISTING, FILE_OPENED, 0),
        (CREATE_NEW, FILE_CREATED, 0),
    ],
)
def test_success_tells_whether_the_file_existed(disposition: int, information: int, error: int) -> None:
    machine = Files(information=information)
    machine.last_error = 5
    opened(machine, GENERIC_WRITE, disposition)
    assert machine.last_error == error


@pytest.mark.parametrize(
    ("status", "disposition", "name", "error"),
    [
        (0xC0000034, OPEN_EXISTING, "C:\\a", 2),
        (0xC000003A, OPEN_EXISTING, "C:\\a\\b", 3),
        (0xC0000043, OPEN_EXISTING, "C:\\a", 32),
        (0xC0000035, CREATE_NEW, "C:\\a", 80),
        (0xC0000035, CREATE_ALWAYS, "C:\\a", 183),
        (0xC00000BA, OPEN_EXISTING, "C:\\a", 5),
        (0xC00000BA, OPEN_EXISTING, "C:\\a\\", 3),
    ],
)
def test_failures(status: int, disposition: int, name: str, error: int) -> None:
    machine = Files(status=status)
    assert machine.open(machine.text(name), GENERIC_READ, 0, 0, disposition, 0, 0) == INVALID
    assert machine.last_error == error
    assert "RtlFreeUnicodeString" in [name for name, _ in machine.calls]


@pytest.mark.parametrize(
    ("name", "access", "disposition", "error"),
    [
        ("C:\\a", GENERIC_READ, 0, 87),
        ("C:\\a", GENERIC_READ, 6, 87),
        ("C:\\a", GENERIC_READ, 0xFFFFFFFF, 87),
        ("C:\\a", GENERIC_READ, TRUNCATE_EXISTING, 87),
        ("", GENERIC_READ, OPEN_EXISTING, 3),
        (None, GENERIC_READ, OPEN_EXISTING, 3),
        ("C:\\a|b", GENERIC_READ, OPEN_EXISTING, 123),
    ],
)
@pytest.mark.parametrize("function", ["CreateFileW", "CreateFileA"])
def test_refused_before_the_kernel(
    name: str | None, access: int, disposition: int, error: int, function: str
) -> None:
    machine = Files()
    encode = machine.text if function == "CreateFileW" else machine.ansi
    at = 0 if name is None else encode(name)
    assert machine.open(at, access, 0, 0, disposition, 0, 0, function=function) == INVALID
    assert machine.last_error == error
    assert machine.names() == []


def test_ansi_name_is_converted() -> None:
    machine = Files()
    assert (
        machine.open(machine.ansi("C:\\ü.txt"), 0, 0, 0, OPEN_EXISTING, 0, 0, function="CreateFileA") == 0x44
    )
    assert machine.name == "\\??\\C:\\ü.txt"


def test_ansi_name_too_long() -> None:
    machine = Files()
    assert (
        machine.open(machine.ansi("a" * 0x8000), 0, 0, 0, OPEN_EXISTING, 0, 0, function="CreateFileA")
        == INVALID
    )
    assert machine.last_error == 206
