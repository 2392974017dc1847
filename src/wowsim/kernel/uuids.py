"""UUIDs: NtAllocateUuids and NtSetUuidSeed (nt!Ex).

Stands for what rpcrt4!UuidCreateSequential builds time-based UUIDs from: a range of 100 ns units, a clock sequence, and
a node of six bytes. The node is random with its multicast bit set, as RFC 4122 section 4.5 has it for machines without
a network card. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import NTSTATUS, ULONG, ULONGLONG, Bytes, In, Out, struct
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_RETRY, STATUS_SUCCESS

MAXIMUM_RANGE = 10_000_000
"""100 ns units given out at once: one second."""
_MULTICAST = 1 << 40
"""In the first byte of a node."""


@struct
@dataclass(slots=True)
class UUID_SEED:
    """The node of a UUID: a network card's address or a random number."""

    Node: Annotated[bytes, Bytes(6)]


@service(Support.FULL)
def NtAllocateUuids(
    k: Kernel, time: Out[ULONGLONG], range: Out[ULONG], sequence: Out[ULONG], seed: Out[UUID_SEED]
) -> NTSTATUS:
    """The 100 ns units since the last call, a second's at most; STATUS_RETRY before the clock has moved."""
    state, now = k.uuids, k.clock.now
    if state.node is None:
        state.sequence = k.random.getrandbits(14)
        state.node = (k.random.getrandbits(48) | _MULTICAST).to_bytes(6, "big")
    first = max(state.last, now - MAXIMUM_RANGE)
    if first >= now:
        return STATUS_RETRY
    state.last = now
    time.set(ULONGLONG(first))
    range.set(ULONG(now - first))
    sequence.set(ULONG(state.sequence))
    seed.set(UUID_SEED(state.node))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "for a caller without the privilege")
def NtSetUuidSeed(k: Kernel, seed: In[UUID_SEED]) -> NTSTATUS:
    """Only LocalSystem may (unverified which status others get)."""
    return STATUS_ACCESS_DENIED
