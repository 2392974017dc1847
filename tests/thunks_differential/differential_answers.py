"""What the kernel answers where a prototype does not say it: information classes and lists."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from differential_classes import QUERIES, Data, Queried, sid
from differential_values import random_value

from wowsim.nt.abi import PVOID
from wowsim.nt.token_forms import GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from differential_kernel import Answers

ERROR = 0xC0000000
ACCESS_VIOLATION = 0xC0000005
PENDING, NO_MORE_ENTRIES, MORE_ENTRIES, BUFFER_TOO_SMALL = 0x103, 0x8000001A, 0x105, 0xC0000023


def answer_special(call: Answers, status: int) -> int | None:
    """Write what the service has for its buffer; the status, or None where the prototype says everything."""
    query = QUERIES.get(call.name)
    if query is not None:
        return _query(call, query, status)
    answer = _LISTS.get(call.name)
    return None if answer is None or status >= ERROR or status in (PENDING, 0x102) else answer(call)


def _plain(chance: Random, address: int, length: int) -> bytes:
    return chance.randbytes(chance.choice((1, 4, 8, 0x10, 0x20, 0x38, 0x48)))


_OTHER = Data(_plain, ())


def _query(call: Answers, query: Queried, status: int) -> int:
    at = query.buffer
    names = [p.name for p in call.parameters]
    call.written = frozenset(names[at + 2 : at + 3])
    number = call.slots[query.class_at] & 0xFFFFFFFF
    data_of = query.classes.get(number, _OTHER)
    buffer, length, returned = call.slots[at], call.slots[at + 1] & 0xFFFFFFFF, call.slots[at + 2]
    data = data_of.make(call.random("data"), buffer, length)
    if number == 88 and call.name.startswith("NtQuerySystem"):  # the process and the buffer stay the caller's
        given = call.memory.peek(buffer, 24) or bytes(24)
        data = given[:8] + data[8:12] + given[12:]
    if number == 4 and call.name == "NtQueryVirtualMemory":
        data = _asked_pages(call, buffer, length)
    if data_of.exact and length != len(data):
        return query.too_short
    if call.name == "NtQueryInformationProcess" and (number, length) == (0, 0x40):
        data = struct.pack("<Q", 0x40) + data[8:]
        if call.memory.peek(buffer, 8) != data[:8]:
            return 0xC000000D  # the caller sets Size
    if status >= ERROR:
        return status
    if returned:
        call.poke(returned, struct.pack("<Q" if query.wide else "<I", len(data)))
    if length < len(data):
        return query.too_short
    if call.memory.peek(buffer, max(len(data), 1)) is None:
        return ACCESS_VIOLATION
    call.poke(buffer, data)
    return 0


def _asked_pages(call: Answers, buffer: int, length: int) -> bytes:
    """Each entry with its address, and what is told of it."""
    chance, given = call.random("data"), call.memory.peek(buffer, length) or b""
    rows = [
        given[at : at + 8] + struct.pack("<Q", chance.getrandbits(31)) for at in range(0, length - 15, 16)
    ]
    return b"".join(rows)


def _need(entries: Sequence[Sequence[bytes]]) -> int:
    """Bytes of a list in 64 bits: the entries, an empty one, their texts."""
    return 32 * (len(entries) + 1) + sum(len(text) + 2 for pair in entries for text in pair)


def _directory(call: Answers) -> int:
    """Entries, an empty one, then their texts; the length they need."""
    chance, buffer, length = call.random("data"), call.slots[1], call.slots[2] & 0xFFFFFFFF
    call.written = frozenset(("return_length",))
    returned = call.slots[6]
    texts = [
        [chance.choice(("Event", "Names", "x" * 20, "Section")).encode("utf-16-le") for _ in range(2)]
        for _ in range(chance.randrange(4))
    ]
    if not texts:
        if returned:
            call.poke(returned, struct.pack("<I", 32))
        call.poke(buffer, bytes(32))
        return NO_MORE_ENTRIES
    fitting = [texts[:n] for n in range(1, len(texts) + 1) if _need(texts[:n]) <= length]
    if not fitting:
        if returned:
            call.poke(returned, struct.pack("<I", _need(texts[:1])))
        return BUFFER_TOO_SMALL
    some = fitting[-1]
    rows, behind, at = b"", b"", buffer + 32 * (len(some) + 1)
    for pair in some:
        for text in pair:
            rows += struct.pack("<HH4xQ", len(text), len(text) + 2, at + len(behind))
            behind += text + b"\0\0"
    call.poke(buffer, rows + bytes(32) + behind)
    if returned:
        call.poke(returned, struct.pack("<I", _need(some)))
    return MORE_ENTRIES if len(some) < len(texts) else 0


def _write_watch(call: Answers) -> int:
    chance, count_at = call.random("data"), call.slots[5]
    call.written = frozenset(("entries_in_user_address_array",))
    raw = call.memory.peek(count_at, 8) if count_at else None
    if raw is None or not call.slots[4]:
        return 0xC000000D
    count = min(
        int.from_bytes(raw, "little"), chance.randrange(6), (call.slots[3] & 0xFFFFFFFF) // 0x1000 + 1
    )
    call.poke(call.slots[4], b"".join(random_value(PVOID, chance) for _ in range(count)))
    call.poke(count_at, struct.pack("<Q", count))
    return 0


def _packets(call: Answers) -> int:
    chance = call.random("data")
    call.written = frozenset(("num_entries_removed",))
    if not call.slots[1] or not call.slots[3]:
        return 0xC000000D
    count = min(call.slots[2] & 0xFFFFFFFF, chance.randrange(1, 5))
    rows = [
        struct.pack(
            "<QQI4xQ",
            *(chance.getrandbits(32) for _ in range(2)),
            chance.getrandbits(31),
            chance.getrandbits(31),
        )
        for _ in range(count)
    ]
    call.poke(call.slots[1], b"".join(rows))
    call.poke(call.slots[3], struct.pack("<I", count))
    return 0


def _previous_groups(call: Answers) -> int:
    chance, length, buffer, returned = (
        call.random("data"),
        call.slots[3] & 0xFFFFFFFF,
        call.slots[4],
        call.slots[5],
    )
    call.written = frozenset(("return_length",))
    if not buffer:
        return 0
    items = [(sid(chance), chance.getrandbits(32)) for _ in range(chance.randrange(4))]
    data = GROUPS.encode(64, buffer, items)
    if returned:
        call.poke(returned, struct.pack("<I", len(data)))
    if len(data) > length:
        return BUFFER_TOO_SMALL
    call.poke(buffer, data)
    return 0


def _attributes(call: Answers) -> int | None:
    """NtCreateThreadEx: what the attributes ask for."""
    address = call.slots[10]
    head = call.memory.peek(address, 8) if address else None
    if head is None:
        return None
    chance = call.random("attributes")
    total = int.from_bytes(head, "little")
    if total < 8 or (total - 8) % 32 or total > 0x800:
        return 0xC000000D
    for at in range(8, total, 32):
        attribute, size, value, returned = struct.unpack("<4Q", call.memory.peek(address + at, 32))
        data = {0x10003: struct.pack("<QQ", 0x1234, 0x5678), 0x10004: struct.pack("<Q", 0x401000)}.get(
            attribute
        )
        if data is not None and value:
            call.poke(value, data[:size])
            if returned:
                call.poke(returned, struct.pack("<Q", min(size, len(data))))
    chance.random()
    return None


def _entries(call: Answers) -> int | None:
    chance, count = call.random("data"), call.slots[2] & 0xFFFFFFFF
    if call.slots[1] and count <= 16:
        for i in range(count):
            call.poke(
                call.slots[1] + 24 * i + 8, struct.pack("<III", *(chance.getrandbits(16) for _ in range(3)))
            )
    return None


_LISTS: dict[str, Callable[[Answers], int | None]] = {
    "NtQueryDirectoryObject": _directory,
    "NtGetWriteWatch": _write_watch,
    "NtRemoveIoCompletionEx": _packets,
    "NtAdjustGroupsToken": _previous_groups,
    "NtCreateThreadEx": _attributes,
    "NtQueryMultipleValueKey": _entries,
}
