"""Tokens, jobs, queries and settings called with whatever slots and buffers hold."""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING

import pytest
from guest import BASE, SIZE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel import (
    debug_objects,
    descriptors,
    jobs,
    licenses,
    power,
    privileged,
    process,
    process_handles,
    process_settings,
    processor,
    system_information,
    thread_information,
    token_adjustment,
    token_handles,
    token_information,
)
from wowsim.kernel.job import Job
from wowsim.kernel.table import BLOCKED, services_of
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.token import IMPERSONATION, process_token
from wowsim.nt import security
from wowsim.nt.builds import services
from wowsim.nt.security import Ace, SecurityDescriptor, acl
from wowsim.nt.token_forms import GROUPS

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

SERVICES = services_of(
    [
        debug_objects,
        descriptors,
        jobs,
        licenses,
        power,
        privileged,
        process,
        process_handles,
        process_settings,
        processor,
        system_information,
        thread_information,
        token_adjustment,
        token_handles,
        token_information,
    ]
)
CALLS = 200
LENGTHS = (0, 1, 2, 4, 8, 12, 16, 24, 28, 32, 44, 48, 64, 96, 112, 144, 0x400, 0xFFFFFFFF)


def test_argument_counts_are_the_published_ones() -> None:
    published = {row.name: row.arguments for build in ("win10-22h2", "win7sp1") for row in services(build)}
    counted = {name: s.prototype.arg_bytes32 // 4 for name, s in SERVICES.items()}
    assert counted == {name: published[name] for name in SERVICES}
    assert len(SERVICES) == 70


def garbled(random: Random, data: bytes) -> bytes:
    """A few bytes are others."""
    changed = bytearray(data)
    for _ in range(random.randrange(3)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def pool_of(random: Random, guest: Guest) -> list[int]:
    """Handles of every kind, and structures that are nearly right."""
    k = guest.k
    token = process_token(k)
    ended = Thread(id=0x3000, state=State.TERMINATED)
    objects = (token, token.copy(k, type=IMPERSONATION, level=2), Job(k, None), k.process, k.thread, ended)
    guest.call(debug_objects.NtCreateDebugObject, guest.out, 0x1F000F, 0, 0)
    handles = [guest.handle, *(k.handles.insert(each, each.mapping.all) for each in objects)]
    items = [(security.USERS, 4), (security.EVERYONE, 0), (token.user, 0)]
    at = guest.room(GROUPS.size(guest.width, items))
    guest.memory.write(at, garbled(random, GROUPS.encode(guest.width, at, items)))
    descriptor = SecurityDescriptor(token.user, token.user, acl(Ace(0, 0, 7, security.USERS)), control=4)
    privileges = struct.pack("<IIiIIiI", 2, 19, 0, 2, 34, 0, 4)
    blobs = (descriptor.encode(), privileges, security.USERS, bytes(64), random.randbytes(64))
    numbers = struct.pack("<II", random.randrange(32), random.randrange(8))
    places = [guest.put(garbled(random, blob)) for blob in (*blobs, numbers)]
    return [*handles, at, *places, guest.string("abc"), guest.name(None)]


def slot(random: Random, guest: Guest, pool: list[int]) -> int:
    choice = random.randrange(8)
    if choice <= 2:
        return random.choice(pool)
    if choice == 3:
        return random.randrange(112)
    if choice == 4:
        return random.choice(LENGTHS)
    if choice == 5:
        return (1 << guest.width) - random.randrange(8)
    if choice == 6:
        return random.choice([0, BASE, BASE + SIZE - 1, BASE + SIZE, random.randrange(BASE, BASE + SIZE)])
    return random.getrandbits(guest.width)


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_argument_gets_past_a_service(name: str, width: Width) -> None:
    """Whatever the slots hold, there is a status or a named refusal."""
    random = Random(f"queries {name}{width}")
    service = SERVICES[name]
    guest, pool = Guest(width), []
    for call in range(CALLS):
        if call % 30 == 0:
            guest = Guest(
                width, random.choice(["win7sp1", "win8.1", "win10-22h2", "winxp-x86"]), capacity=1 << 16
            )
            guest.k.process.image_path = r"\Device\HarddiskVolume1\app\a.exe"
            pool = pool_of(random, guest)
        slots = [slot(random, guest, pool) for _ in range(service.prototype.arg_bytes32 // 4)]
        if random.randrange(2) and slots:
            slots[0] = random.choice(pool[:7])
        try:
            status = guest.call(service.handler, *slots)
        except Unsupported:
            continue
        if status == BLOCKED:
            guest.k.scheduler.force(guest.k.thread)  # nobody would ever wake it
        else:
            assert 0 <= status <= 0xFFFFFFFF


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("NtQueryInformationProcess", 4), ("NtSetInformationProcess", 4), ("NtQueryInformationThread", 5),
        ("NtSetInformationThread", 5), ("NtQueryInformationToken", 1), ("NtSetInformationToken", 1),
        ("NtQueryInformationJobObject", 3), ("NtSetInformationJobObject", 3), ("NtQuerySystemInformation", None),
        ("NtSetSystemInformation", None), ("NtPowerInformation", None),
    ],
)  # fmt: skip
def test_every_class_with_every_length(name: str, handle: int | None, width: Width) -> None:
    """Each class, with a good and a bad buffer of each length, writes nothing behind it."""
    random = Random(f"classes {name}{width}")
    service = SERVICES[name]
    inputs = (0, 0) if name == "NtPowerInformation" else ()
    guest, pool = Guest(width), []
    for number in range(120):
        if number % 20 == 0:
            guest = Guest(width, "win10-22h2")
            pool = pool_of(random, guest)
        first = () if handle is None else (pool[handle],)
        for length in LENGTHS:
            room = min(length, 0x400)
            for buffer in (guest.put(random.randbytes(room) + b"\xcc" * 8), BASE + SIZE - 2):
                slots = (*first, number, *inputs, buffer, length, 0)
                try:
                    status = guest.call(service.handler, *slots[: len(service.prototype.parameters)])
                except Unsupported:
                    continue
                assert 0 <= status <= 0xFFFFFFFF
                if length <= 0x400 and buffer < BASE + SIZE - 2:
                    assert guest.memory.read(buffer + room, 8) == b"\xcc" * 8
