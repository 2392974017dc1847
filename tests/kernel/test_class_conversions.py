"""What a 64-bit kernel answers, narrowed, is what a 32-bit kernel of the same state answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from guest import Guest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.host64 import process_classes, system_classes, token_classes
from wowsim.kernel import object_numbers, system_processes, system_queries
from wowsim.kernel.job import Job
from wowsim.kernel.jobs import NtQueryInformationJobObject
from wowsim.kernel.process import NtQueryInformationProcess
from wowsim.kernel.system_information import NtQuerySystemInformation
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.thread_information import NtQueryInformationThread
from wowsim.kernel.token_handles import NtOpenProcessToken
from wowsim.kernel.token_information import NtQueryInformationToken
from wowsim.nt import security
from wowsim.nt.security import sid
from wowsim.nt.status import STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH
from wowsim.nt.structures import SECTION_IMAGE_INFORMATION
from wowsim.nt.token_forms import ACL, GROUPS, SID

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.host64.spans import Narrow
    from wowsim.nt.abi import Width

ROOM = 0x1000
OLD, NEW = "win7sp1", "win10-22h2"


@pytest.fixture(autouse=True)
def same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies elsewhere in the two kernels by design."""
    for module, name in (
        (object_numbers, "_POOL"),
        (system_processes, "_KERNEL_BASE"),
        (system_queries, "SYSTEM_RANGE_START"),
    ):
        monkeypatch.setattr(module, name, dict.fromkeys((32, 64), 0x85000000))


def made(width: Width, build: str) -> Guest:
    guest = Guest(width, build)
    k = guest.k
    k.space.layout.highest_user = 0x7FFEFFFF  # type: ignore[misc]  # the tests' own
    k.process.image_path, k.process.command_line = r"\Device\HarddiskVolume1\app\a.exe", "a.exe one two"
    k.process.peb, k.process.peb32 = 0x7EFDF000, 0x7EFDE000
    k.process.image = SECTION_IMAGE_INFORMATION(*range(1, 17))
    k.thread.teb, k.thread.name, k.thread.start = 0x7EFDB000, "worker", 0x401000
    k.threads.append(Thread(id=0x2000, state=State.WAITING, suspended=1, created=77))
    job = Job(k, None)
    job.processes.append(k.process)
    k.process.job = job
    for target in (k.process, k.thread, job, k.process):
        k.handles.insert(target, 0x1F, 2)
    return guest


def ask(
    guest: Guest, service: Callable[..., int], slots: tuple[int, ...], at: int, length: int | None
) -> bytes:
    """What a query leaves at an address; the length is found out where none is given."""
    returned = guest.put(bytes(8))
    arguments = slots if service is not NtQuerySystemInformation else slots[1:]
    status = guest.call(service, *arguments, at, length or 0, returned)
    if status in (STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH):
        length = guest.value(returned, 4)
        status = guest.call(service, *arguments, at, length, returned)
    assert status == 0, f"{status:08X}"
    return guest.memory.read(at, guest.value(returned, 4))


def both(
    service: Callable[..., int],
    handle: int,
    information_class: int,
    lengths: dict[int, int | None],
    build: str,
) -> tuple[bytes, int, bytes, int]:
    """The 64-bit answer and where it lies, the 32-bit answer and where it lies."""
    found: list[Any] = []
    for width in (64, 32):
        guest = made(width, build)
        if handle == 0:
            assert guest.call(NtOpenProcessToken, (1 << width) - 1, 0xF01FF, guest.out) == 0
            slot = guest.handle
        else:
            slot = handle % (1 << width)
        at = guest.room(ROOM) + (0x100 if width == 64 else 0)
        found += [ask(guest, service, (slot, information_class), at, lengths.get(width)), at]
    return found[0], found[1], found[2], found[3]


PROCESS, THREAD = -1, -2
PROCESS_LENGTHS: dict[int, tuple[int, int]] = {
    0: (48, 24),
    3: (96, 48),
    7: (8, 4),
    21: (8, 4),
    26: (8, 4),
    37: (64, 48),
}
PROCESS_LENGTHS |= {1: (48, 32), 14: (72, 36), 49: (8, 4)}
THREAD_LENGTHS = {0: (48, 28), 9: (8, 4), 30: (16, 12), 41: (16, 12)}
JOB_LENGTHS = {2: (64, 48), 3: (24, 16), 9: (144, 112)}

CASES: list[tuple[Any, int, dict[int, Narrow], dict[int, tuple[int, int]], int]] = [
    (NtQueryInformationProcess, PROCESS, process_classes.PROCESS, PROCESS_LENGTHS, 30),
    (NtQueryInformationThread, THREAD, process_classes.THREAD, THREAD_LENGTHS, -1),
    (NtQueryInformationJobObject, 12, process_classes.JOB, JOB_LENGTHS, -1),
    (NtQuerySystemInformation, PROCESS, system_classes.SYSTEM, {}, 88),
    (NtQueryInformationToken, 0, token_classes.TOKEN, {}, -1),
]
ALL = [
    pytest.param(
        service, handle, number, table[number], lengths.get(number), id=f"{service.__name__}-{number}"
    )
    for service, handle, table, lengths, skipped in CASES
    for number in table
    if number != skipped
]


@pytest.mark.parametrize(("service", "handle", "number", "narrow", "lengths"), ALL)
def test_narrowed_answers(
    service: Callable[..., int], handle: int, number: int, narrow: Narrow, lengths: tuple[int, int] | None
) -> None:
    build = OLD if service is NtQuerySystemInformation and number == 11 else NEW
    known: dict[int, int | None] = {} if lengths is None else {64: lengths[0], 32: lengths[1]}
    data64, address64, data32, address32 = both(service, handle, number, known, build)
    assert narrow(data64, address64, address32) == data32


def test_the_longer_form_of_the_basic_process_information() -> None:
    answers = []
    for width, size in ((64, 64), (32, 32)):
        guest = made(width, NEW)  # type: ignore[arg-type]
        at = guest.put(size.to_bytes(width // 8, "little") + bytes(size))
        status = guest.call(NtQueryInformationProcess, (1 << width) - 1, 0, at, size, guest.out)
        assert status == 0
        answers.append(guest.memory.read(at, size))
    assert process_classes.PROCESS[0](answers[0], 0, 0) == answers[1]


def test_a_token_without_a_default_list_and_with_restrictions() -> None:
    for form, items in ((ACL, [(b"", 0)]), (SID, [(b"", 0)]), (GROUPS, [])):
        narrow = {id(ACL): 6, id(SID): 31, id(GROUPS): 11}[id(form)]
        data = form.encode(64, 0x5000, items)
        assert token_classes.TOKEN[narrow](data, 0x5000, 0x100) == form.encode(32, 0x100, items)


SIDS = st.sampled_from([security.EVERYONE, security.ADMINISTRATORS, sid("S-1-5-21-1-2-3-1001")])


@given(st.lists(st.tuples(SIDS, st.integers(0, 0xFFFFFFFF)), max_size=5))
@settings(max_examples=50, derandomize=True)
def test_groups_stay_the_same(items: list[tuple[bytes, int]]) -> None:
    wide = GROUPS.encode(64, 0x7_0000_0000, items)
    assert token_classes.narrow_groups(wide, 0x7_0000_0000, 0x2000) == GROUPS.encode(32, 0x2000, items)


EVERY = [*token_classes.TOKEN.values(), *system_classes.SYSTEM.values(), *process_classes.PROCESS.values()]


@given(st.binary(max_size=600), st.sampled_from(EVERY))
@settings(max_examples=400, derandomize=True)
def test_garbage_is_a_fault(data: bytes, narrow: Narrow) -> None:
    try:
        found = narrow(data, 0x5000, 0x100)
    except GuestFault:
        return
    assert len(found) <= len(data) + 16
