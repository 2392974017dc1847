"""Tokens, privileges, SIDs as text, the user's name and random bytes through advapi32 on the whole machine."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from test_win32_on_windows import Guest

from sampled import SAMPLED
from wowsim.kernel.accounts import user_sid
from wowsim.nt.security import sid
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

CURRENT = 0xFFFFFFFF
TOKEN_QUERY, TOKEN_ADJUST = 8, 0x20


class Advanced(Guest):
    """With advapi32 loaded."""

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        assert self.call("LoadLibraryA", "advapi32.dll") != 0

    def advapi(self, name: str, *arguments: int | str) -> int:
        wide = name.endswith("W")
        values = [a if isinstance(a, int) else self.put(self._encoded(a, wide)) for a in arguments]
        return self.sim.call32(f"advapi32!{name}", *values)

    def token(self, access: int = TOKEN_QUERY | TOKEN_ADJUST) -> int:
        handle = self.room(4)
        assert self.advapi("OpenProcessToken", CURRENT, access, handle) == 1
        return self.dword(handle)


@pytest.fixture(params=SAMPLED)
def guest(request: pytest.FixtureRequest) -> Iterator[Advanced]:
    with Simulation(build=request.param) as sim:
        yield Advanced(sim)


@pytest.fixture
def win7() -> Iterator[Advanced]:
    with Simulation() as sim:
        yield Advanced(sim)


def test_who_the_user_is(guest: Advanced) -> None:
    token, length, buffer = guest.token(), guest.room(4), guest.room(88)
    assert guest.advapi("GetTokenInformation", token, 1, buffer, 4, length) == 0
    assert guest.error == 122
    needed = guest.dword(length)
    assert guest.advapi("GetTokenInformation", token, 1, buffer, needed, length) == 1
    text = guest.room(4)
    assert guest.advapi("ConvertSidToStringSidW", guest.dword(buffer), text) == 1
    assert guest.text(guest.dword(text)) == user_sid(guest.sim.seed)
    assert guest.call("LocalFree", guest.dword(text)) == 0
    assert guest.advapi("OpenThreadToken", 0xFFFFFFFE, TOKEN_QUERY, 1, length) == 0
    assert guest.error == 1008


@pytest.mark.parametrize(
    "text",
    ["S-1-0-0", "S-1-5-32-544", "S-1-5-21-4294967295-0-10-1001", "S-1-4294967295-7",
     "S-1-5-" + "-".join(str(4294967295 - i) for i in range(15)), "S-1-5"],
)  # fmt: skip
def test_sids_as_text(win7: Advanced, text: str) -> None:
    found = win7.room(4)
    assert win7.advapi("ConvertSidToStringSidW", win7.put(sid(text)), found) == 1
    assert win7.text(win7.dword(found)) == text


def test_sids_that_are_none(win7: Advanced) -> None:
    found = win7.room(4)
    wide = win7.put(bytes.fromhex("0101 00ab00000005 07000000"))
    assert win7.advapi("ConvertSidToStringSidW", wide, found) == 1
    assert win7.text(win7.dword(found)) == "S-1-0x00ab00000005-7"
    for data in ("0201 000000000005 07000000", "0110 000000000005" + "07000000" * 16):
        assert win7.advapi("ConvertSidToStringSidW", win7.put(bytes.fromhex(data)), found) == 0
        assert win7.error == 1337
    for arguments in ((0, found), (wide, 0)):
        assert win7.advapi("ConvertSidToStringSidW", *arguments) == 0
        assert win7.error == 87


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SeCreateTokenPrivilege", 2),
        ("SeDebugPrivilege", 20),
        ("seDEBUGprivilege", 20),
        ("SeDelegateSessionUserImpersonatePrivilege", 36),
        ("SeDebug", 0),
        ("SeDebugPrivileges", 0),
        ("", 0),
        ("SeDebugPrivilege,", 0),
    ],
)
def test_privileges_by_name(win7: Advanced, name: str, number: int) -> None:
    luid = win7.put(b"\xcc" * 12)
    for letter, system in (("W", 0), ("A", "")):
        assert win7.advapi("LookupPrivilegeValue" + letter, system, name, luid) == (number != 0)
        if not number:
            assert win7.error == 1313
    expected = struct.pack("<II", number, 0) if number else b"\xcc" * 8
    assert win7.sim.memory.read(luid, 12) == expected + b"\xcc" * 4
    assert win7.advapi("LookupPrivilegeValueW", "other", name, luid) == 0
    assert win7.error == 1722


def test_enabling_privileges(guest: Advanced) -> None:
    token, previous, length = guest.token(), guest.put(b"\xcc" * 16), guest.room(4)
    shutdown, tcb = 19, 7

    def adjust(number: int, attributes: int) -> int:
        wanted = guest.put(struct.pack("<4I", 1, number, 0, attributes))
        return guest.advapi("AdjustTokenPrivileges", token, 0, wanted, 16, previous, length)

    assert (adjust(shutdown, 2), guest.error) == (1, 0)
    assert struct.unpack("<4I", guest.sim.memory.read(previous, 16)) == (1, shutdown, 0, 0)
    assert (adjust(shutdown, 2), guest.error) == (1, 0)
    assert guest.dword(previous) == 0
    assert (adjust(tcb, 2), guest.error) == (1, 1300)
    token = guest.token(TOKEN_ADJUST)
    assert adjust(shutdown, 0) == 0
    assert guest.error == 5


def test_name_of_the_user(guest: Advanced) -> None:
    for letter in "WA":
        buffer, size = guest.put(b"\xcc" * 16), guest.put(struct.pack("<I", 5))
        assert guest.advapi("GetUserName" + letter, buffer, size) == 1
        assert (guest.text(buffer, letter == "W"), guest.dword(size)) == ("user", 5)
        guest.sim.memory.write(size, struct.pack("<I", 4))
        assert guest.advapi("GetUserName" + letter, buffer, size) == 0
        assert (guest.error, guest.dword(size)) == (122, 5)


def test_random_bytes(guest: Advanced) -> None:
    buffer = guest.put(b"\xcc" * 48)
    assert guest.advapi("SystemFunction036", buffer, 16) & 0xFF == 1
    assert guest.advapi("SystemFunction036", buffer + 16, 16) & 0xFF == 1
    data = guest.sim.memory.read(buffer, 48)
    assert len({data[:16], data[16:32], b"\xcc" * 16}) == 3
    assert data[32:] == b"\xcc" * 16
    assert guest.advapi("SystemFunction036", 0, 0) & 0xFF == 1
    assert guest.advapi("SystemFunction036", 8, 16) & 0xFF == 0
