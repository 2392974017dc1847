"""Keys: creating, opening, links, deleting, enumerating, information classes, views."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from registry_guest import ALL, SOFTWARE, RegistryGuest

from wowsim.errors import Unsupported
from wowsim.kernel import registry_hives
from wowsim.kernel.handles import NtClose
from wowsim.kernel.privileges import ENABLED, NUMBERS
from wowsim.kernel.registry_keys import (
    NtDeleteKey,
    NtEnumerateKey,
    NtFlushKey,
    NtOpenKey,
    NtQueryOpenSubKeys,
    NtRenameKey,
    NtSetInformationKey,
)
from wowsim.kernel.registry_tree import MAXIMUM_DEPTH
from wowsim.kernel.token import process_token
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_CANNOT_DELETE,
    STATUS_CHILD_MUST_BE_VOLATILE,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_KEY_DELETED,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.abi import Width

CREATE_LINK, VOLATILE, OPEN_LINK = 2, 1, 8
REG_LINK = 6


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> RegistryGuest:
    width: Width = request.param
    return RegistryGuest(width, "win7sp1" if width == 64 else "win7sp1-x86")


# ---------------------------------------------------------------- create and open
def test_a_key_is_made_once(guest: RegistryGuest) -> None:
    assert guest.make(rf"{SOFTWARE}\It") == STATUS_SUCCESS
    assert guest.value(guest.disposition, 4) == 1
    assert guest.make(r"\REGISTRY\machine\SOFTWARE\iT") == STATUS_SUCCESS
    assert guest.value(guest.disposition, 4) == 2
    assert guest.path_of(guest.handle) == r"\REGISTRY\MACHINE\SOFTWARE\It"
    root = guest.handle
    assert guest.make("below", root) == STATUS_SUCCESS
    assert guest.path_of(guest.handle) == r"\REGISTRY\MACHINE\SOFTWARE\It\below"
    assert guest.call(NtOpenKey, guest.out, ALL, guest.name("", root)) == STATUS_SUCCESS
    assert guest.path_of(guest.handle) == r"\REGISTRY\MACHINE\SOFTWARE\It"


@pytest.mark.parametrize(
    ("path", "opened", "made"),
    [
        (rf"{SOFTWARE}\No", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS),
        (rf"{SOFTWARE}\No\No", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND),
        (SOFTWARE + "\\", STATUS_SUCCESS, STATUS_SUCCESS),
        (r"\Registry\Machine\\Software", STATUS_SUCCESS, STATUS_SUCCESS),
        (r"\Registry", STATUS_SUCCESS, STATUS_SUCCESS),
        (r"\Registry\Machine", STATUS_SUCCESS, STATUS_SUCCESS),
        (r"\Registry\Machine\New", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER),
        (r"\Registry\New", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER),
        (r"Registry\Machine", STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("", STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_PATH_SYNTAX_BAD),
        (r"\Device\Null", STATUS_OBJECT_TYPE_MISMATCH, STATUS_OBJECT_TYPE_MISMATCH),
        (r"\KernelObjects", STATUS_OBJECT_TYPE_MISMATCH, STATUS_OBJECT_TYPE_MISMATCH),
        (rf"{SOFTWARE}\{'n' * 255}", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS),
        (rf"{SOFTWARE}\{'n' * 256}", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER),
        (rf"{SOFTWARE}\{chr(0x1F600) * 128}", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER),
        (f"{SOFTWARE}\\a\0b", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS),
        (f"{SOFTWARE}\\\ud800", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS),
        (f"{SOFTWARE}\\*?<>:/\"|.. ", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS),
        (b"\\\0R", STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID),
        (rf"{SOFTWARE}\{'x' * 30000}", STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER),
    ],
)  # fmt: skip
def test_names(guest: RegistryGuest, path: str | bytes, opened: int, made: int) -> None:
    assert guest.open_key(path) == opened
    assert guest.make(path) == made
    if made == STATUS_SUCCESS:
        assert guest.open_key(path) == STATUS_SUCCESS


def test_a_name_below_a_handle_has_no_backslash_before_it(guest: RegistryGuest) -> None:
    root = guest.key(SOFTWARE)
    assert guest.open_key(r"\Microsoft", root) == STATUS_OBJECT_PATH_SYNTAX_BAD
    assert guest.open_key("Microsoft", root) == STATUS_SUCCESS
    assert guest.open_key("Microsoft", 0x7770) == STATUS_INVALID_HANDLE


def test_what_object_attributes_must_be(guest: RegistryGuest) -> None:
    assert guest.open_key(SOFTWARE, attributes=1) == STATUS_INVALID_PARAMETER
    attributes = guest.name(SOFTWARE)
    guest.memory.write(attributes, b"\x19")
    assert guest.call(NtOpenKey, guest.out, ALL, attributes) == STATUS_INVALID_PARAMETER
    null = guest.open(r"\??\NUL")
    assert guest.open_key("x", null) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.open_key("", null) == STATUS_OBJECT_TYPE_MISMATCH


def test_files_are_no_keys(guest: RegistryGuest) -> None:
    assert guest.create(SOFTWARE) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.create("x", root=guest.key(SOFTWARE)) == STATUS_OBJECT_TYPE_MISMATCH


@pytest.mark.parametrize("options", [0x20, 0x80000000])
def test_options_that_do_not_exist(guest: RegistryGuest, options: int) -> None:
    assert guest.make(rf"{SOFTWARE}\a", options=options) == STATUS_INVALID_PARAMETER
    assert guest.open_key(SOFTWARE, options=options) == STATUS_INVALID_PARAMETER
    assert guest.open_key(SOFTWARE, options=1) == STATUS_INVALID_PARAMETER


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (0, STATUS_ACCESS_DENIED),
        (0x1000000, STATUS_PRIVILEGE_NOT_HELD),
        (0x2000000, STATUS_SUCCESS),
        (0x80000000, STATUS_SUCCESS),
        (0x40, STATUS_ACCESS_DENIED),
    ],
)
def test_access_that_is_asked_for(guest: RegistryGuest, access: int, expected: int) -> None:
    assert guest.open_key(SOFTWARE, access=access) == expected
    assert guest.make(SOFTWARE, access=access) == expected


def test_a_handle_does_what_it_was_opened_for(guest: RegistryGuest) -> None:
    guest.key(rf"{SOFTWARE}\It")
    reader = guest.key(rf"{SOFTWARE}\It", access=0x20019)
    writer = guest.key(rf"{SOFTWARE}\It", access=0x20006)
    assert guest.set(reader, "a", 4, b"1234") == STATUS_ACCESS_DENIED
    assert guest.set(writer, "a", 4, b"1234") == STATUS_SUCCESS
    assert guest.get(writer, "a") == STATUS_ACCESS_DENIED
    assert guest.get(reader, "a") == STATUS_SUCCESS
    assert guest.info(writer, 0) == STATUS_ACCESS_DENIED
    assert guest.path_of(writer).endswith("It")
    assert guest.call(NtEnumerateKey, writer, 0, 0, guest.buffer, 100, guest.size) == STATUS_ACCESS_DENIED
    assert guest.call(NtDeleteKey, writer) == STATUS_ACCESS_DENIED
    assert guest.remove(reader, "a") == STATUS_ACCESS_DENIED
    event = guest.open(r"\??\NUL")
    assert guest.info(event, 0) == STATUS_OBJECT_TYPE_MISMATCH


def test_depth_and_memory_have_an_end(guest: RegistryGuest) -> None:
    handle = guest.key(SOFTWARE)
    depth = 2
    while (status := guest.make("d", handle)) == STATUS_SUCCESS:
        depth += 1
        guest.call(NtClose, handle)
        handle = guest.handle
    assert (status, depth) == (STATUS_INVALID_PARAMETER, MAXIMUM_DEPTH)
    assert len(guest.path_of(handle)) == len(r"\REGISTRY\MACHINE\SOFTWARE") + 2 * (MAXIMUM_DEPTH - 2)
    guest.k.registry._quota = guest.k.registry._used + 0x1000
    count = 0
    handle = guest.key(SOFTWARE)
    while (status := guest.set(handle, f"v{count}", 3, b"x" * 100)) == STATUS_SUCCESS:
        count += 1
    assert status == STATUS_INSUFFICIENT_RESOURCES
    assert guest.remove(handle, "v0") == STATUS_SUCCESS
    assert guest.set(handle, "again", 3, b"x" * 100) == STATUS_SUCCESS
    assert guest.make("new", handle) == STATUS_INSUFFICIENT_RESOURCES


def test_below_a_volatile_key_all_is_volatile(guest: RegistryGuest) -> None:
    volatile = guest.key(rf"{SOFTWARE}\V", options=VOLATILE)
    assert guest.make("x", volatile) == STATUS_CHILD_MUST_BE_VOLATILE
    assert guest.make("x", volatile, options=VOLATILE) == STATUS_SUCCESS
    assert guest.info(guest.handle, 5) == STATUS_SUCCESS
    assert struct.unpack("<III", guest.answer) == (0, 1, 0)


# ---------------------------------------------------------------- links
def link(guest: RegistryGuest, path: str, target: str) -> int:
    handle = guest.key(path, options=CREATE_LINK)
    assert guest.set(handle, "SymbolicLinkValue", REG_LINK, target.encode("utf-16-le")) == STATUS_SUCCESS
    return handle


def test_a_link_leads_to_its_target(guest: RegistryGuest) -> None:
    guest.key(rf"{SOFTWARE}\Target")
    guest.key(rf"{SOFTWARE}\Target\Below")
    link(guest, rf"{SOFTWARE}\Link", rf"{SOFTWARE}\Target")
    assert guest.path_of(guest.key(rf"{SOFTWARE}\link\below")).endswith(r"Target\Below")
    assert guest.path_of(guest.key(rf"{SOFTWARE}\link")).endswith("Target")
    assert guest.open_key(rf"{SOFTWARE}\Link", options=OPEN_LINK) == STATUS_SUCCESS
    assert guest.path_of(guest.handle).endswith("Link")
    assert guest.data(guest.handle, "SymbolicLinkValue")[0] == REG_LINK
    itself = guest.handle
    assert guest.open_key(rf"{SOFTWARE}\Link", attributes=0x140) == STATUS_SUCCESS
    assert guest.path_of(guest.handle).endswith("Link")
    assert guest.set(itself, "other", 1, b"") == STATUS_ACCESS_DENIED
    assert guest.set(itself, "SymbolicLinkValue", 1, b"") == STATUS_ACCESS_DENIED
    assert guest.make(rf"{SOFTWARE}\Link", options=CREATE_LINK) == STATUS_OBJECT_NAME_COLLISION
    assert guest.call(NtDeleteKey, itself) == STATUS_SUCCESS
    assert guest.open_key(rf"{SOFTWARE}\Link") == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.open_key(rf"{SOFTWARE}\Target") == STATUS_SUCCESS


@pytest.mark.parametrize("target", ["", "x", r"\Device\Null", rf"{SOFTWARE}\No", rf"{SOFTWARE}\Link", "\\"])
def test_links_that_lead_nowhere(guest: RegistryGuest, target: str) -> None:
    link(guest, rf"{SOFTWARE}\Link", target)
    assert guest.open_key(rf"{SOFTWARE}\Link") == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.open_key(rf"{SOFTWARE}\Link\a") == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.make(rf"{SOFTWARE}\Link\a") == STATUS_OBJECT_NAME_NOT_FOUND


def test_a_link_without_a_target_or_with_half_a_character(guest: RegistryGuest) -> None:
    handle = guest.key(rf"{SOFTWARE}\Link", options=CREATE_LINK)
    assert guest.open_key(rf"{SOFTWARE}\Link") == STATUS_OBJECT_NAME_NOT_FOUND
    data = SOFTWARE.encode("utf-16-le") + b"x"
    assert guest.set(handle, "SymbolicLinkValue", REG_LINK, data) == STATUS_SUCCESS
    assert guest.path_of(guest.key(rf"{SOFTWARE}\Link")).upper() == r"\REGISTRY\MACHINE\SOFTWARE"


# ---------------------------------------------------------------- delete and rename
def test_a_deleted_key_is_of_no_use(guest: RegistryGuest) -> None:
    top = guest.key(rf"{SOFTWARE}\Top")
    below = guest.key("Below", top)
    assert guest.call(NtDeleteKey, top) == STATUS_CANNOT_DELETE
    assert guest.call(NtDeleteKey, below) == STATUS_SUCCESS
    assert guest.open_key("Below", top) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.call(NtDeleteKey, top) == STATUS_SUCCESS
    for status in (
        guest.set(top, "a", 1, b""),
        guest.get(top, "a"),
        guest.remove(top, "a"),
        guest.info(top, 3),
        guest.make("x", top),
        guest.open_key("x", top),
        guest.open_key("", top),
        guest.call(NtDeleteKey, top),
        guest.call(NtFlushKey, top),
        guest.call(NtEnumerateKey, top, 0, 0, guest.buffer, 100, guest.size),
        guest.call(NtRenameKey, top, guest.string("x")),
    ):
        assert status == STATUS_KEY_DELETED
    fresh = guest.key(rf"{SOFTWARE}\Top")
    assert guest.set(fresh, "a", 1, b"") == STATUS_SUCCESS
    assert guest.call(NtClose, top) == STATUS_SUCCESS


@pytest.mark.parametrize("path", [r"\Registry", r"\Registry\Machine", SOFTWARE, r"\Registry\Machine\SAM"])
def test_hives_stay(guest: RegistryGuest, path: str) -> None:
    handle = guest.key(path)
    assert guest.call(NtDeleteKey, handle) == STATUS_CANNOT_DELETE
    assert guest.call(NtRenameKey, handle, guest.string("x")) == STATUS_CANNOT_DELETE


def test_a_key_gets_another_name(guest: RegistryGuest) -> None:
    old, other = guest.key(rf"{SOFTWARE}\Old"), guest.key(rf"{SOFTWARE}\Other")
    guest.key("Below", old)

    def rename(name: str) -> int:
        return guest.call(NtRenameKey, old, guest.string(name))

    assert rename("NEW") == STATUS_SUCCESS
    assert rename("new") == STATUS_SUCCESS
    assert guest.path_of(guest.key(rf"{SOFTWARE}\New\below")) == r"\REGISTRY\MACHINE\SOFTWARE\new\Below"
    assert guest.open_key(rf"{SOFTWARE}\Old") == STATUS_OBJECT_NAME_NOT_FOUND
    assert rename("other") == STATUS_OBJECT_NAME_COLLISION
    assert [rename(bad) for bad in ("", r"a\b", "n" * 256)] == [STATUS_INVALID_PARAMETER] * 3
    assert guest.call(NtDeleteKey, other) == STATUS_SUCCESS


# ---------------------------------------------------------------- information
def test_subkeys_are_listed_in_the_order_of_upper_case(guest: RegistryGuest) -> None:
    top = guest.key(rf"{SOFTWARE}\Top")
    for name in ("b", "C", "a", "_", "B1", "\xe9", "\uffee", "\U0001f600"):
        guest.key(name, top)
    assert guest.subkeys(top) == ["a", "b", "B1", "C", "_", "\xe9", "\U0001f600", "\uffee"]
    assert guest.call(NtEnumerateKey, top, 8, 0, guest.buffer, 100, guest.size) == STATUS_NO_MORE_ENTRIES
    assert (
        guest.call(NtEnumerateKey, top, 0xFFFFFFFF, 0, guest.buffer, 100, guest.size)
        == STATUS_NO_MORE_ENTRIES
    )
    assert guest.call(NtEnumerateKey, top, 0, 3, guest.buffer, 100, guest.size) == STATUS_INVALID_PARAMETER


def test_basic_node_full_and_cached(guest: RegistryGuest) -> None:
    guest.k.clock.now += 12345
    top = guest.key(rf"{SOFTWARE}\Odd", class_name="cls")
    guest.key("Sub", top, class_name="deeper")
    assert guest.set(top, "value", 3, b"1234567") == STATUS_SUCCESS
    now = guest.k.clock.now
    name, cls = "Odd".encode("utf-16-le"), "cls".encode("utf-16-le")
    assert guest.info(top, 0) == STATUS_SUCCESS
    assert guest.answer == struct.pack("<qII", now, 0, 6) + name
    assert guest.info(top, 1) == STATUS_SUCCESS
    assert guest.answer == struct.pack("<qIIII", now, 0, 32, 6, 6) + name + b"\0\0" + cls
    assert guest.info(top, 2) == STATUS_SUCCESS
    assert guest.answer == struct.pack("<qIIIIIIIII", now, 0, 44, 6, 1, 6, 12, 1, 10, 7) + cls
    assert guest.info(top, 4) == STATUS_SUCCESS
    assert guest.answer == struct.pack("<qIIIIIIII", now, 0, 1, 6, 1, 10, 7, 6, 0)
    for bits in (6, 7, 8, 9):
        assert guest.info(top, bits) == STATUS_SUCCESS
        assert guest.answer == bytes(4)
    assert guest.info(top, 10) == STATUS_INVALID_PARAMETER
    guest.key(rf"{SOFTWARE}\No class")
    guest.info(guest.handle, 1)
    assert struct.unpack_from("<II", guest.answer, 12) == (0xFFFFFFFF, 0)


@pytest.mark.parametrize(("kind", "fixed"), [(0, 16), (1, 24), (2, 44), (3, 4), (4, 40), (5, 12), (6, 4)])
def test_how_much_fits(guest: RegistryGuest, kind: int, fixed: int) -> None:
    top = guest.key(rf"{SOFTWARE}\Name", class_name="c")
    assert guest.info(top, kind) == STATUS_SUCCESS
    whole = guest.answer
    for length in range(len(whole) + 2):
        guest.memory.write(guest.buffer, b"\xcc" * (len(whole) + 8))
        expected = STATUS_BUFFER_TOO_SMALL if length < fixed else STATUS_BUFFER_OVERFLOW
        written = 0 if length < fixed else min(length, len(whole))
        assert guest.info(top, kind, length) == (STATUS_SUCCESS if length >= len(whole) else expected)
        assert guest.value(guest.size, 4) == len(whole)
        assert guest.memory.read(guest.buffer, len(whole) + 8) == whole[:written].ljust(
            len(whole) + 8, b"\xcc"
        )


def test_write_times(guest: RegistryGuest) -> None:
    top = guest.key(rf"{SOFTWARE}\T")
    sub = guest.key("s", top)

    def written(handle: int) -> int:
        assert guest.info(handle, 0) == STATUS_SUCCESS
        return int(struct.unpack_from("<q", guest.answer)[0])

    def steps() -> Iterator[tuple[int, int]]:
        guest.k.clock.now += 7
        yield guest.set(sub, "a", 1, b""), sub
        guest.k.clock.now += 7
        yield guest.remove(sub, "a"), sub
        guest.k.clock.now += 7
        yield guest.make("n", top), top
        guest.k.clock.now += 7
        yield guest.call(NtDeleteKey, guest.handle), top

    for status, changed in steps():
        assert status == STATUS_SUCCESS
        assert written(changed) == guest.k.clock.now
    moment = guest.put(struct.pack("<q", 42))
    assert guest.call(NtSetInformationKey, top, 0, moment, 8) == STATUS_SUCCESS
    assert written(top) == 42


def test_flags_and_tags_are_kept(guest: RegistryGuest) -> None:
    top = guest.key(rf"{SOFTWARE}\T")
    number = guest.put(struct.pack("<I", 5))
    for kind in (1, 2, 3, 5):
        assert guest.call(NtSetInformationKey, top, kind, number, 4) == STATUS_SUCCESS
        assert guest.call(NtSetInformationKey, top, kind, number, 8) == STATUS_INFO_LENGTH_MISMATCH
    assert guest.info(top, 5) == STATUS_SUCCESS
    assert struct.unpack("<III", guest.answer) == (5, 0, 5)
    assert guest.info(top, 6) == STATUS_SUCCESS
    assert guest.answer == struct.pack("<I", 5 << 2)
    assert guest.info(top, 7) == STATUS_SUCCESS
    assert guest.answer == struct.pack("<I", 5)
    assert guest.info(guest.key(rf"{SOFTWARE}\T"), 7) == STATUS_SUCCESS
    assert guest.answer == bytes(4)
    assert guest.call(NtSetInformationKey, top, 7, number, 4) == STATUS_INVALID_PARAMETER
    with pytest.raises(Unsupported, match="KeySetDebugInformation"):
        guest.call(NtSetInformationKey, top, 4, number, 4)


def test_open_subkeys_are_counted(guest: RegistryGuest) -> None:
    def count(path: str) -> tuple[int, int]:
        return guest.call(NtQueryOpenSubKeys, guest.name(path), guest.size), guest.value(guest.size, 4)

    assert count(SOFTWARE) == (STATUS_SUCCESS, 0)
    first, second = guest.key(rf"{SOFTWARE}\T"), guest.key(rf"{SOFTWARE}\T")
    assert count(SOFTWARE) == (STATUS_SUCCESS, 2)
    guest.call(NtClose, first)
    guest.call(NtClose, second)
    assert count(SOFTWARE) == (STATUS_SUCCESS, 0)
    assert count(rf"{SOFTWARE}\T")[0] == STATUS_INVALID_PARAMETER


# ---------------------------------------------------------------- views
@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2"])
def test_a_64_bit_caller_may_ask_for_the_32_bit_view(build: str) -> None:
    guest = RegistryGuest(64, build)
    assert guest.path_of(guest.key(rf"{SOFTWARE}\It", access=ALL | 0x200)) == (
        r"\REGISTRY\MACHINE\SOFTWARE\Wow6432Node\It"
    )
    assert guest.open_key(rf"{SOFTWARE}\It") == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.open_key(rf"{SOFTWARE}\It", access=ALL | 0x100) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.open_key(rf"{SOFTWARE}\It", access=ALL | 0x300) == STATUS_INVALID_PARAMETER
    root = guest.key(SOFTWARE)
    assert guest.open_key("It", root, access=ALL | 0x200) == STATUS_SUCCESS
    assert guest.open_key("Policies", root, access=ALL | 0x200) == STATUS_SUCCESS
    assert guest.path_of(guest.handle) == r"\REGISTRY\MACHINE\SOFTWARE\Policies"


def test_32_bit_windows_has_one_view() -> None:
    guest = RegistryGuest(32, "win7sp1-x86")
    for flags in (0x100, 0x200, 0x300):
        assert (
            guest.path_of(guest.key(rf"{SOFTWARE}\It", access=ALL | flags))
            == r"\REGISTRY\MACHINE\SOFTWARE\It"
        )


# ---------------------------------------------------------------- hives, hostile pointers
def test_hive_files_need_a_privilege(guest: RegistryGuest) -> None:
    name = guest.name(SOFTWARE)
    key = guest.key(SOFTWARE)
    for service, *slots in (
        (registry_hives.NtLoadKey, name, name),
        (registry_hives.NtUnloadKey, name),
        (registry_hives.NtSaveKey, key, key),
        (registry_hives.NtRestoreKey, key, key, 0),
        (registry_hives.NtReplaceKey, name, key, name),
        (registry_hives.NtLoadKeyEx, name, name, 0, 0, 0, 0, 0, 0),
    ):
        assert guest.call(service, *slots) == STATUS_PRIVILEGE_NOT_HELD
    with pytest.raises(Unsupported, match="REG_APP_HIVE"):
        guest.call(registry_hives.NtLoadKeyEx, name, name, 0x10, 0, 0, 0, 0, 0)


def test_hive_services_with_their_privilege(guest: RegistryGuest) -> None:
    name, key = guest.name(SOFTWARE), guest.key(SOFTWARE)
    held = process_token(guest.k).privileges
    held[NUMBERS["SeRestorePrivilege"]] = ENABLED
    with pytest.raises(Unsupported, match="NtLoadKey is not implemented"):
        guest.call(registry_hives.NtLoadKey, name, name)
    assert guest.call(registry_hives.NtSaveKey, key, key) == STATUS_PRIVILEGE_NOT_HELD
    held[NUMBERS["SeRestorePrivilege"]] = 0
    held[NUMBERS["SeBackupPrivilege"]] = ENABLED
    assert guest.call(registry_hives.NtRestoreKey, key, key, 0) == STATUS_PRIVILEGE_NOT_HELD
    with pytest.raises(Unsupported, match="NtSaveKey is not implemented"):
        guest.call(registry_hives.NtSaveKey, key, key)


@pytest.mark.parametrize("wild", [0, 1, 0x1000, 0x7FFF0000, 0xFFFFFFFF])
def test_wild_pointers(guest: RegistryGuest, wild: int) -> None:
    key = guest.key(SOFTWARE)
    size = 0x7FFFFFFF
    assert guest.call(NtOpenKey, wild, ALL, guest.name(SOFTWARE)) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtOpenKey, guest.out, ALL, wild) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtEnumerateKey, key, 0, 0, wild, size, guest.size) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtEnumerateKey, key, 0, 0, guest.buffer, 100, wild) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtSetInformationKey, key, 0, wild, 8) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtRenameKey, key, wild) == STATUS_ACCESS_VIOLATION
