from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from guest import Guest

from wowsim.errors import Unsupported
from wowsim.kernel.locale import NtQueryDefaultLocale
from wowsim.kernel.system import NtAllocateLocallyUniqueId
from wowsim.kernel.system_information import NtQuerySystemInformation
from wowsim.kernel.threads import NtTestAlert
from wowsim.nt.status import STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_INFO_CLASS, STATUS_SUCCESS
from wowsim.nt.structures import (
    SYSTEM_BASIC_INFORMATION,
    SYSTEM_PROCESSOR_INFORMATION,
    SYSTEM_TIMEOFDAY_INFORMATION,
)

if TYPE_CHECKING:
    from wowsim.nt.abi import Width


def query(guest: Guest, information_class: int, length: int) -> tuple[int, int]:
    buffer = guest.put(b"\xcc" * (length + 8))
    status = guest.call(NtQuerySystemInformation, information_class, buffer, length, guest.out)
    assert guest.memory.read(buffer + length, 8) == b"\xcc" * 8
    return status, buffer


@pytest.mark.parametrize(
    ("width", "information_class", "size", "highest"),
    [(64, 0, 64, 0x7FFFFFEFFFF), (64, 62, 64, 0x7FFEFFFF), (32, 0, 44, 0x7FFEFFFF)],
)
def test_the_machine(width: Width, information_class: int, size: int, highest: int) -> None:
    guest = Guest(width=width)
    status, at = query(guest, information_class, size)
    found = guest.load(SYSTEM_BASIC_INFORMATION, at)
    assert (status, found.MaximumUserModeAddress, found.NumberOfProcessors) == (STATUS_SUCCESS, highest, 1)
    assert (found.PageSize, found.AllocationGranularity) == (0x1000, 0x10000)
    assert query(guest, information_class, size - 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert guest.value(guest.out, 4) == size


@pytest.mark.parametrize(("information_class", "architecture"), [(1, 9), (63, 0)])
def test_the_processor(information_class: int, architecture: int) -> None:
    guest = Guest()
    _, at = query(guest, information_class, 12)
    assert guest.load(SYSTEM_PROCESSOR_INFORMATION, at).ProcessorArchitecture == architecture


def test_time_of_day_in_part_or_whole() -> None:
    guest = Guest()
    status, at = query(guest, 3, 48)
    found = guest.load(SYSTEM_TIMEOFDAY_INFORMATION, at)
    assert (status, found.CurrentTime) == (STATUS_SUCCESS, guest.k.clock.now)
    assert found.BootTime == guest.k.clock.boot_time
    status, at = query(guest, 3, 8)
    assert (status, guest.value(at)) == (STATUS_SUCCESS, guest.k.clock.boot_time)
    assert query(guest, 3, 49)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_absent_classes() -> None:
    guest = Guest()
    assert query(guest, 0x1000, 4)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="SystemLookasideInformation"):
        query(guest, 45, 4)


def test_small_services() -> None:
    guest = Guest()
    assert guest.call(NtQueryDefaultLocale, 1, guest.out) == STATUS_SUCCESS
    assert guest.value(guest.out, 4) == 0x409
    ids = []
    for _ in range(2):
        assert guest.call(NtAllocateLocallyUniqueId, guest.out) == STATUS_SUCCESS
        ids.append(guest.value(guest.out))
    assert ids == [1000, 1001]
    assert guest.call(NtTestAlert) == STATUS_SUCCESS
