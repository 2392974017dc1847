from __future__ import annotations

import pytest
from guest import Guest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault, Unsupported
from wowsim.host64.directory_classes import LONGER_BUFFER, narrow, narrowed_length
from wowsim.kernel.directories import (
    NtCreateDirectoryObject,
    NtCreateDirectoryObjectEx,
    NtOpenDirectoryObject,
    NtQueryDirectoryObject,
)
from wowsim.kernel.handles import NtClose, NtMakePermanentObject, NtMakeTemporaryObject, NtQueryObject
from wowsim.kernel.namespace import Directory
from wowsim.kernel.symbolic_links import (
    NtCreateSymbolicLinkObject,
    NtOpenSymbolicLinkObject,
    NtQuerySymbolicLinkObject,
)
from wowsim.kernel.synchronization import NtCreateEvent, NtOpenEvent
from wowsim.nt.abi import Width, encode, layout, load, size_of
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_PARAMETER,
    STATUS_MORE_ENTRIES,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_DIRECTORY_INFORMATION, UNICODE_STRING

ALL, EVERYTHING = 0xF000F, 0xF0001
WIDTHS = (32, 64)


@pytest.fixture(params=WIDTHS)
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


def make(guest: Guest, path: str, root: int = 0, attributes: int = 0x40) -> int:
    """A new directory's handle."""
    status = guest.call(NtCreateDirectoryObject, guest.out, ALL, guest.name(path, root, attributes))
    assert status == STATUS_SUCCESS, f"{status:08X}"
    return guest.handle


def event(guest: Guest, path: str) -> tuple[int, int]:
    return guest.call(NtCreateEvent, guest.out, 0x1F0003, guest.name(path), 0, 0), guest.handle


def link(guest: Guest, path: str, target: str) -> int:
    string = guest.string(target)
    status = guest.call(NtCreateSymbolicLinkObject, guest.out, EVERYTHING, guest.name(path), string)
    assert status == STATUS_SUCCESS, f"{status:08X}"
    return guest.handle


def name_of(guest: Guest, handle: int) -> str:
    buffer = guest.room(0x200)
    assert guest.call(NtQueryObject, handle, 1, buffer, 0x200, 0) == STATUS_SUCCESS
    string = guest.load(UNICODE_STRING, buffer)
    return guest.memory.read(string.Buffer, string.Length).decode("utf-16-le") if string.Length else ""


# ---------------------------------------------------------------- life and names
def test_a_name_goes_with_the_last_handle(guest: Guest) -> None:
    handle = make(guest, r"\BaseNamedObjects\mine")
    assert name_of(guest, handle) == r"\BaseNamedObjects\mine"
    again = guest.name(r"\BASENAMEDOBJECTS\MINE")
    assert guest.call(NtCreateDirectoryObject, guest.out, ALL, again) == STATUS_OBJECT_NAME_COLLISION
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, again) == STATUS_SUCCESS
    second = guest.handle
    guest.call(NtClose, handle)
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, again) == STATUS_SUCCESS
    guest.call(NtClose, guest.handle)
    guest.call(NtClose, second)
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, again) == STATUS_OBJECT_NAME_NOT_FOUND


def test_what_lies_in_a_directory_outlives_it(guest: Guest) -> None:
    directory = make(guest, r"\BaseNamedObjects\d")
    status, handle = event(guest, r"\BaseNamedObjects\d\e")
    assert status == STATUS_SUCCESS
    guest.call(NtClose, directory)
    gone = guest.name(r"\BaseNamedObjects\d\e")
    assert guest.call(NtOpenEvent, guest.out, 1, gone) == STATUS_OBJECT_PATH_NOT_FOUND
    assert guest.call(NtClose, handle) == STATUS_SUCCESS


def test_what_the_system_made_is_permanent(guest: Guest) -> None:
    path = guest.name(r"\BaseNamedObjects")
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, path) == STATUS_SUCCESS
    guest.call(NtClose, guest.handle)
    assert guest.call(NtOpenDirectoryObject, guest.out, 0x10003, path) == STATUS_SUCCESS
    handle = guest.handle
    assert guest.call(NtMakePermanentObject, handle) == STATUS_PRIVILEGE_NOT_HELD
    assert guest.call(NtMakeTemporaryObject, handle) == STATUS_SUCCESS
    guest.call(NtClose, handle)
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, path) == STATUS_OBJECT_NAME_NOT_FOUND


def test_making_temporary_takes_the_right_to_delete(guest: Guest) -> None:
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, guest.name("\\")) == STATUS_SUCCESS
    assert guest.call(NtMakeTemporaryObject, guest.handle) == STATUS_ACCESS_DENIED


def test_attributes_are_checked(guest: Guest) -> None:
    for attributes, status in ((0x50, STATUS_PRIVILEGE_NOT_HELD), (0x80000040, STATUS_INVALID_PARAMETER)):
        name = guest.name(r"\BaseNamedObjects\x", attributes=attributes)
        assert guest.call(NtCreateDirectoryObject, guest.out, ALL, name) == status
    name = guest.name(r"\BaseNamedObjects\x")
    guest.memory.write(name, b"\x07")
    assert guest.call(NtCreateDirectoryObject, guest.out, ALL, name) == STATUS_INVALID_PARAMETER
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, name) == STATUS_INVALID_PARAMETER


def test_relative_names_and_unnamed_directories(guest: Guest) -> None:
    private = make(guest, "")
    assert name_of(guest, private) == ""
    inner = make(guest, "inner", private)
    status = guest.call(NtOpenDirectoryObject, guest.out, 3, guest.name("INNER", private))
    assert status == STATUS_SUCCESS
    assert guest.k.handles.lookup(inner, Directory) is guest.k.handles.lookup(guest.handle, Directory)


def test_extended_creation(guest: Guest) -> None:
    name = guest.name(r"\BaseNamedObjects\x")
    assert guest.call(NtCreateDirectoryObjectEx, guest.out, ALL, name, 0, 1) == STATUS_INVALID_PARAMETER
    assert guest.call(NtCreateDirectoryObjectEx, guest.out, ALL, name, 0, 0) == STATUS_SUCCESS
    with pytest.raises(Unsupported, match="shadow"):
        guest.call(NtCreateDirectoryObjectEx, guest.out, ALL, guest.name(None), guest.handle, 0)


# ---------------------------------------------------------------- symbolic links
def test_links_lead_on_and_are_themselves_opened(guest: Guest) -> None:
    handle = link(guest, r"\??\Z:", r"\BaseNamedObjects")
    status, made = event(guest, r"\??\Z:\e")
    assert (status, name_of(guest, made)) == (STATUS_SUCCESS, r"\BaseNamedObjects\e")
    assert guest.call(NtOpenSymbolicLinkObject, guest.out, 1, guest.name(r"\??\z:")) == STATUS_SUCCESS
    opened = guest.handle
    assert name_of(guest, opened) == r"\GLOBAL??\Z:"
    size = size_of(UNICODE_STRING, guest.width)
    for room, status in ((0, STATUS_BUFFER_TOO_SMALL), (32, STATUS_BUFFER_TOO_SMALL), (34, 0), (36, 0)):
        text = guest.put(b"\xcc" * 40)
        string = guest.put(encode(UNICODE_STRING, guest.width, UNICODE_STRING(0, room, text)))  # type: ignore[arg-type]
        assert guest.call(NtQuerySymbolicLinkObject, opened, string, guest.out) == status
        assert guest.value(guest.out, 4) == 36
        found = load(guest.memory, string, UNICODE_STRING, guest.width)
        if status == STATUS_SUCCESS:
            assert (found.Length, found.MaximumLength) == (34, room)
            expected = "\\BaseNamedObjects".encode("utf-16-le") + (b"\0\0" if room == 36 else b"\xcc\xcc")
            assert guest.memory.read(text, 40) == expected + b"\xcc" * 4
        assert size == (8 if guest.width == 32 else 16)
    guest.call(NtClose, handle)
    guest.call(NtClose, opened)
    with pytest.raises(GuestFault):
        guest.k.namespace.resolve(r"\??\Z:\e")


def test_links_that_lead_nowhere(guest: Guest) -> None:
    kept = [
        link(guest, r"\??\A1", "nowhere"),
        link(guest, r"\??\A2", r"\??\A2"),
        link(guest, r"\??\A3", r"\??\A3\x"),
    ]
    assert len(kept) == 3
    for name, status in (
        (r"\??\A1", STATUS_OBJECT_PATH_SYNTAX_BAD),
        (r"\??\A2", 0xC0000033),
        (r"\??\A3", 0xC0000033),
    ):
        assert guest.call(NtOpenEvent, guest.out, 1, guest.name(name)) == status
    assert (
        guest.call(NtOpenSymbolicLinkObject, guest.out, 1, guest.name(r"\??")) == STATUS_OBJECT_TYPE_MISMATCH
    )
    string = guest.string("")
    status = guest.call(NtCreateSymbolicLinkObject, guest.out, 1, guest.name(r"\??\Q"), string)
    assert status == STATUS_INVALID_PARAMETER


# ---------------------------------------------------------------- listing
def listed(guest: Guest, handle: int, length: int, single: int = 0) -> tuple[list[tuple[str, str]], int]:
    """Everything a directory holds, read with a buffer of that size, and the last status."""
    buffer, context = guest.room(length + 8), guest.put(bytes(4))
    found: list[tuple[str, str]] = []
    for _ in range(200):
        guest.memory.write(buffer, b"\xcc" * (length + 8))
        status = guest.call(NtQueryDirectoryObject, handle, buffer, length, single, 0, context, guest.out)
        assert guest.memory.read(buffer + length, 8) == b"\xcc" * 8
        if status not in (STATUS_SUCCESS, STATUS_MORE_ENTRIES):
            return found, status
        entries = parse(guest.memory.read(buffer, length), buffer, guest.width)
        assert entries, "a success holds an entry"
        found += entries
    raise AssertionError("the listing does not end")


def parse(data: bytes, address: int, width: Width) -> list[tuple[str, str]]:
    unit = size_of(OBJECT_DIRECTORY_INFORMATION, width)
    found: list[tuple[str, str]] = []
    while True:
        entry = _entry(data[unit * len(found) : unit * (len(found) + 1)], width)
        if entry.Name.Buffer == 0:
            return found
        strings = []
        for string in (entry.Name, entry.TypeName):
            start = string.Buffer - address
            text = data[start : start + string.Length + 2]
            assert text[-2:] == b"\0\0"
            strings.append(text[:-2].decode("utf-16-le"))
        found.append((strings[0], strings[1]))


def _entry(data: bytes, width: Width) -> OBJECT_DIRECTORY_INFORMATION:
    entry = layout(OBJECT_DIRECTORY_INFORMATION, width).from_bytes(data)
    assert isinstance(entry, OBJECT_DIRECTORY_INFORMATION)
    return entry


@pytest.mark.parametrize("length", [0x100, 0x101, 0x800])
def test_listing_the_root(guest: Guest, length: int) -> None:
    assert guest.call(NtOpenDirectoryObject, guest.out, 3, guest.name("\\")) == STATUS_SUCCESS
    handle = guest.handle
    found, status = listed(guest, handle, length)
    assert status == STATUS_NO_MORE_ENTRIES
    assert listed(guest, handle, length, single=1)[0] == found
    kinds = dict(found)
    assert len(kinds) == len(found)
    directories = [
        "??",
        "GLOBAL??",
        "Device",
        "BaseNamedObjects",
        "Sessions",
        "KnownDlls",
        "KernelObjects",
        "ObjectTypes",
        "Windows",
        "Nls",
    ]
    assert {kinds[name] for name in [*directories, "RPC Control"]} == {"Directory"}
    assert kinds["DosDevices"] == kinds["SystemRoot"] == "SymbolicLink"


def test_listing_says_how_much_is_needed(guest: Guest) -> None:
    handle = make(guest, "")
    arguments = (guest.put(bytes(4)), guest.out)
    buffer = guest.room(0x100)
    assert (
        guest.call(NtQueryDirectoryObject, handle, buffer, 0x100, 1, 0, *arguments) == STATUS_NO_MORE_ENTRIES
    )
    kept = make(guest, "abc", handle)
    unit = guest.width // 2
    needed = 2 * unit + len("abc") * 2 + 2 + len("Directory") * 2 + 2
    status = guest.call(NtQueryDirectoryObject, handle, buffer, needed - 1, 1, 0, *arguments)
    assert (status, guest.value(guest.out, 4)) == (STATUS_BUFFER_TOO_SMALL, needed)
    status = guest.call(NtQueryDirectoryObject, handle, buffer, needed - 1, 0, 0, *arguments)
    assert status == STATUS_MORE_ENTRIES
    assert guest.call(NtQueryDirectoryObject, handle, buffer, needed, 1, 0, *arguments) == STATUS_SUCCESS
    assert (
        guest.call(NtQueryDirectoryObject, handle, buffer, needed, 1, 0, *arguments) == STATUS_NO_MORE_ENTRIES
    )
    assert guest.call(NtQueryDirectoryObject, handle, buffer, needed, 1, 1, *arguments) == STATUS_SUCCESS
    assert guest.call(NtClose, kept) == STATUS_SUCCESS
    assert guest.call(NtQueryDirectoryObject, handle, 8, needed, 1, 1, *arguments) == STATUS_NO_MORE_ENTRIES


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\\\0"), min_size=1, max_size=9), max_size=6
)


@given(names=NAMES, length=st.integers(0, 400), single=st.booleans())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_narrowed_list_is_what_a_32_bit_kernel_writes(
    names: list[str], length: int, single: bool
) -> None:
    """Of a 64-bit answer in a buffer longer by LONGER_BUFFER; it always fits the 32-bit one."""
    answers = []
    rooms: tuple[tuple[Width, int], ...] = ((32, length), (64, length + LONGER_BUFFER))
    for width, room in rooms:
        guest = Guest(width)
        handle = make(guest, "")
        kept = []
        for name in names:
            if guest.k.handles.lookup(handle, Directory).lookup(name) is None:
                kept.append(make(guest, name, handle))
        buffer = guest.room(room + 8)
        context = guest.put(bytes(4))
        status = guest.call(NtQueryDirectoryObject, handle, buffer, room, int(single), 0, context, guest.out)
        answers.append((guest, status, buffer, room))
    (narrow_guest, status32, buffer32, _), (wide_guest, status64, buffer64, room) = answers
    data64 = wide_guest.memory.read(buffer64, room)
    needed32, needed64 = (each[0].value(each[0].out, 4) for each in answers)
    if status64 in (STATUS_SUCCESS, STATUS_MORE_ENTRIES) and parse_if_any(data64, buffer64):
        narrowed = narrow(data64, buffer64, buffer32)
        assert len(narrowed) == narrowed_length(needed64, data64) <= length
        entries = parse(narrowed, buffer32, 32)
        if (status32, status64) == (STATUS_SUCCESS, STATUS_SUCCESS) and len(
            parse(narrow_guest.memory.read(buffer32, length), buffer32, 32)
        ) == len(entries):
            assert narrowed == narrow_guest.memory.read(buffer32, needed32)
    elif status64 == STATUS_BUFFER_TOO_SMALL:
        assert status32 == STATUS_BUFFER_TOO_SMALL
        assert narrowed_length(needed64, b"") == needed32


def parse_if_any(data64: bytes, address: int) -> bool:
    return len(data64) >= 32 and data64[8:16] != bytes(8) and bool(parse(data64, address, 64))
