"""The VAD tree as values: what ``!vad`` prints, and sentences about single addresses.

Who may import it: the memory manager, kernel services and the simulation; renderers get the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.memory.pages import PAGE_SHIFT
from wowsim.memory.protection import name_of
from wowsim.memory.vad import MAX_COMMIT, VadKind
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.memory.core import SpaceCore
    from wowsim.memory.vad import Vad


@dataclass(frozen=True)
class VadRow:
    """One line of ``!vad`` (wow64-facts section 8.4).

    Attributes:
        address: pool address of the node.
        level: distance from the root.
        balance: height of the right subtree minus the left's.
        start_vpn: first virtual page number.
        end_vpn: last virtual page number.
        commit: pages charged; -1 where nothing may be committed.
        kind: ``Private``, ``Mapped`` or ``Exe`` (a mapped image).
        protection: ``EXECUTE_WRITECOPY`` and so on.
        name: path of the file without drive, or None.
        shared_commit: pages charged to the pagefile section it views, or None.
        cause: creation step or service that made it.
    """

    address: int
    level: int
    balance: int
    start_vpn: int
    end_vpn: int
    commit: int
    kind: str
    protection: str
    name: str | None
    shared_commit: int | None
    cause: str

    @property
    def start(self) -> int:
        """First address."""
        return self.start_vpn << PAGE_SHIFT

    @property
    def end(self) -> int:
        """Last address."""
        return (self.end_vpn + 1 << PAGE_SHIFT) - 1

    @property
    def pages(self) -> int:
        """How many pages it describes."""
        return self.end_vpn - self.start_vpn + 1

    @property
    def locked(self) -> bool:
        """Whether it only keeps others out: nothing can ever be committed in it."""
        return self.commit == -1


def row_of(vad: Vad) -> VadRow:
    """The line of one VAD."""
    section = vad.section
    pagefile = section is not None and section.file is None and section.image is None
    return VadRow(
        vad.address,
        vad.level,
        vad.balance,
        vad.start,
        vad.end,
        -1 if vad.commit == MAX_COMMIT else vad.commit,
        vad.kind.value,
        name_of(vad.protection),
        vad.name,
        section.committed if section is not None and pagefile else None,
        vad.cause,
    )


def rows_of(space: SpaceCore) -> tuple[VadRow, ...]:
    """Every line, ascending by address."""
    return tuple(row_of(vad) for vad in space.vads)


def explain(space: SpaceCore, address: int) -> str:
    """One sentence: why an address is free, taken or forbidden, and what made it so."""
    vpn = address >> PAGE_SHIFT
    if not 0 <= address <= space.layout.highest_user:
        highest = space.layout.highest_user
        return f"{address:X} is forbidden: user memory of {space.layout.name} ends at {highest:X}."
    vad = space.vads.at(vpn)
    if vad is None:
        return _explain_free(space, address, vpn)
    span = f"{vad.start << PAGE_SHIFT:X}-{(vad.end + 1 << PAGE_SHIFT) - 1:X}"
    by = vad.cause or "an unnamed step"
    if vad.commit == MAX_COMMIT:
        return f"{address:X} is forbidden: {by} locked {span} so that nothing can be allocated there."
    what = {VadKind.PRIVATE: "private memory", VadKind.MAPPED: "a mapped view", VadKind.EXE: "an image"}
    named = f" of {vad.name}" if vad.name else ""
    state = "committed" if space.pages.entry(vpn) is not None else "reserved"
    return f"{address:X} is taken: {by} made {span}, {what[vad.kind]}{named}; this page is {state}."


def _explain_free(space: SpaceCore, address: int, vpn: int) -> str:
    if vpn < 0x10:
        return f"{address:X} is forbidden: nothing can be allocated in the lowest 64 KB."
    above = space.vads.at_or_above(vpn)
    below = space.vads.at_or_below(vpn)
    low = below.end + 1 << PAGE_SHIFT if below is not None else 0x10000
    high = (above.start << PAGE_SHIFT if above is not None else space.layout.highest_user + 1) - 1
    for first, last, cause in reversed(space.released):
        if first <= vpn <= last:
            span = f"{first << PAGE_SHIFT:X}-{(last + 1 << PAGE_SHIFT) - 1:X}"
            return f"{address:X} is free: {cause or 'an unnamed step'} gave {span} back."
    return f"{address:X} is free: no step or service has put anything into {low:X}-{high:X}."
