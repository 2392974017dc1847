"""All services of this package together: argument counts, and hostile calls."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from guest import BASE, READ, SIZE, WRITE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel import (
    atoms,
    controls,
    directories,
    directory,
    extended_attributes,
    file_changes,
    file_information,
    file_io,
    file_locks,
    file_segments,
    files,
    handles,
    io_cancel,
    io_completion,
    locale,
    named_pipes,
    process,
    symbolic_links,
    synchronization,
    system,
    system_information,
    thread_information,
    threads,
    time,
    timers,
    uuids,
    volume_information,
    waits,
)
from wowsim.kernel.access import FILE_DIRECTORY_FILE
from wowsim.kernel.io_completion import NtCreateIoCompletion
from wowsim.kernel.named_pipes import NtCreateNamedPipeFile
from wowsim.kernel.table import BLOCKED, services_of
from wowsim.nt.builds import services

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

SERVICES = services_of(
    [
        atoms,
        directories,
        controls,
        directory,
        extended_attributes,
        file_changes,
        file_information,
        file_io,
        file_locks,
        file_segments,
        files,
        handles,
        locale,
        io_cancel,
        io_completion,
        named_pipes,
        process,
        symbolic_links,
        synchronization,
        system,
        system_information,
        thread_information,
        threads,
        time,
        timers,
        uuids,
        volume_information,
        waits,
    ]
)
CALLS = 400


def pipe_ends(guest: Guest) -> tuple[int, int, int]:
    """A synchronous server, an asynchronous client, and a completion port."""
    timeout = guest.put((-1 & (1 << 64) - 1).to_bytes(8, "little"))
    oa = guest.name(r"\??\PIPE\p")
    slots = (guest.out, READ | WRITE, oa, guest.iosb, 3, 2, 0x20, 1, 1, 0, 1, 64, 64, timeout)
    assert guest.call(NtCreateNamedPipeFile, *slots) == 0
    server = guest.handle
    assert guest.call(NtCreateIoCompletion, guest.out, 0x1F0003, 0, 0) == 0
    return server, guest.open(r"\??\PIPE\p", READ | WRITE, options=0), guest.handle


def test_argument_counts_are_the_published_ones() -> None:
    published = {row.name: row.arguments for build in ("win10-22h2", "win7sp1") for row in services(build)}
    assert {name: s.prototype.arg_bytes32 // 4 for name, s in SERVICES.items()} == {
        n: published[n] for n in SERVICES
    }
    assert len(SERVICES) >= 80
    assert len(SERVICES) >= 100


def hostile_slot(random: Random, guest: Guest, pool: list[int]) -> int:
    choice = random.randrange(6)
    if choice == 0:
        return random.choice(pool)
    if choice == 1:
        return random.randrange(BASE, BASE + SIZE)
    if choice == 2:
        return random.randrange(80)
    if choice == 3:
        return random.choice([0, -1, -2, BASE, BASE + SIZE - 1, 1 << 31, 1 << 63]) & (1 << guest.width) - 1
    if choice == 4:
        return 1 << random.randrange(guest.width)
    return random.getrandbits(guest.width)


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_argument_gets_past_a_service(name: str, width: Width) -> None:
    """Whatever the slots hold, there is a status or a named refusal."""
    random = Random(f"{name}{width}")
    service = SERVICES[name]
    guest = Guest(width=width, capacity=1 << 20)
    for call in range(CALLS):
        if call % 50 == 0:
            guest = Guest(width=width, capacity=1 << 20)
            guest.k.files.add(r"C:\d\a.txt", b"0123456789")
            pool = [
                guest.open(r"\??\C:\d\a.txt", READ | WRITE),
                guest.open(r"\??\C:\d", READ, options=0x20 | FILE_DIRECTORY_FILE),
                guest.open(r"\??\NUL"),
                guest.open(r"\??\C:\d\a.txt", READ | WRITE, options=0),
                *pipe_ends(guest),
                *guest.k.open_standard_handles(),
                guest.name(r"\??\C:\d\a.txt"),
                guest.string("a.txt"),
                guest.put(random.randbytes(64)),
                guest.put(bytes(64)),
            ]
        slots = [hostile_slot(random, guest, pool) for _ in range(service.prototype.arg_bytes32 // 4)]
        try:
            status = guest.call(service.handler, *slots)
        except Unsupported:
            continue
        if status == BLOCKED:
            guest.k.scheduler.force(guest.k.thread)  # nobody would ever wake it
        else:
            assert 0 <= status <= 0xFFFFFFFF
