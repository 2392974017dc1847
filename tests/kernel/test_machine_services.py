"""Locales, UUIDs and random numbers."""

from __future__ import annotations

import pytest
from guest import Guest

from wowsim.kernel.controls import NtDeviceIoControlFile
from wowsim.kernel.locale import (
    NtIsUILanguageComitted,
    NtQueryDefaultLocale,
    NtQueryDefaultUILanguage,
    NtQueryInstallUILanguage,
    NtSetDefaultLocale,
    NtSetDefaultUILanguage,
)
from wowsim.kernel.uuids import NtAllocateUuids, NtSetUuidSeed
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_RETRY,
    STATUS_SUCCESS,
)


@pytest.fixture(params=(32, 64))
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


# ---------------------------------------------------------------- locales
def test_locales_of_user_and_system(guest: Guest) -> None:
    def locale(user: int) -> int:
        assert guest.call(NtQueryDefaultLocale, user, guest.out) == STATUS_SUCCESS
        return guest.value(guest.out, 4)

    assert (locale(1), locale(0)) == (0x409, 0x409)
    assert guest.call(NtSetDefaultLocale, 1, 0x407) == STATUS_SUCCESS
    assert (locale(1), locale(0)) == (0x407, 0x409)
    assert guest.call(NtSetDefaultLocale, 0, 0x40C) == STATUS_SUCCESS
    assert (locale(1), locale(0)) == (0x407, 0x40C)
    assert guest.call(NtSetDefaultLocale, 1, 0) == STATUS_SUCCESS
    assert locale(1) == 0x409
    assert guest.call(NtSetDefaultLocale, 1, 0x100409 << 4) == STATUS_INVALID_PARAMETER


def test_languages(guest: Guest) -> None:
    def language(service: object) -> int:
        guest.memory.write(guest.out, b"\xcc" * 4)
        assert guest.call(service, guest.out) == STATUS_SUCCESS  # type: ignore[arg-type]
        assert guest.memory.read(guest.out + 2, 2) == b"\xcc\xcc"
        return guest.value(guest.out, 2)

    assert language(NtQueryInstallUILanguage) == 0x409
    assert guest.call(NtIsUILanguageComitted) == STATUS_SUCCESS
    assert guest.call(NtSetDefaultUILanguage, 0x407) == STATUS_SUCCESS
    assert language(NtQueryDefaultUILanguage) == 0x409
    assert guest.call(NtSetDefaultUILanguage, 0) == STATUS_SUCCESS
    assert language(NtQueryDefaultUILanguage) == 0x407


# ---------------------------------------------------------------- ids
def test_ranges_of_uuids_do_not_overlap(guest: Guest) -> None:
    time, span, sequence = guest.room(8), guest.room(4), guest.room(4)
    seed = guest.put(b"\xcc" * 8)
    end, nodes = 0, set()
    for _ in range(4):
        guest.k.clock.advance(5000)
        assert guest.call(NtAllocateUuids, time, span, sequence, seed) == STATUS_SUCCESS
        assert guest.value(time) >= end
        end = guest.value(time) + guest.value(span, 4)
        assert end == guest.k.clock.now
        nodes.add((guest.value(sequence, 4), guest.memory.read(seed, 8)))
    assert guest.call(NtAllocateUuids, time, span, sequence, seed) == STATUS_RETRY
    ((number, node),) = nodes
    assert (number < 0x4000, node[0] & 1, node[6:]) == (True, 1, b"\xcc\xcc")
    assert guest.call(NtSetUuidSeed, seed) == STATUS_ACCESS_DENIED
    assert guest.call(NtSetUuidSeed, 8) == STATUS_ACCESS_VIOLATION


# ---------------------------------------------------------------- random numbers
def control(guest: Guest, handle: int, code: int, buffer: int, length: int) -> int:
    return guest.call(NtDeviceIoControlFile, handle, 0, 0, 0, guest.iosb, code, 0, 0, buffer, length)


@pytest.mark.parametrize("path", [r"\Device\KsecDD", r"\Device\CNG", r"\??\KsecDD"])
def test_random_bytes_come_from_the_seed(path: str) -> None:
    drawn = []
    for seed in (1, 1, 2):
        guest = Guest(64, seed=seed)
        handle = guest.open(path)
        buffer = guest.put(bytes(40))
        assert control(guest, handle, 0x390008, buffer, 32) == STATUS_SUCCESS
        assert guest.information == 32
        assert control(guest, handle, 0x390004, buffer + 16, 16) == STATUS_SUCCESS
        drawn.append(guest.memory.read(buffer, 40))
        assert drawn[-1][32:] == bytes(8)
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][:16] != drawn[0][16:32]


def test_refusals_of_the_random_device(guest: Guest) -> None:
    handle = guest.open(r"\Device\CNG")
    assert control(guest, handle, 0x390400, guest.out, 8) == STATUS_INVALID_DEVICE_REQUEST
    assert control(guest, handle, 0x390008, 8, 8) == STATUS_ACCESS_VIOLATION
    assert control(guest, handle, 0x390008, guest.out, 0xFFFFFFFF) == STATUS_ACCESS_VIOLATION
    assert control(guest, handle, 0x390008, 0, 0) == STATUS_SUCCESS
    guest.k.files.add(r"C:\a", b"")
    assert control(guest, guest.open(r"\??\C:\a"), 0x390008, guest.out, 8) == STATUS_INVALID_DEVICE_REQUEST
