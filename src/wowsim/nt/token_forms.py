"""Token information whose layout depends on the width: pointers to SIDs and ACLs, and what they point to.

TOKEN_USER, TOKEN_GROUPS, TOKEN_OWNER, TOKEN_DEFAULT_DACL and their likes (winnt.h) all are one or more pointers,
each perhaps with attributes, and the blobs they point to lie behind them in the same buffer.
Who may import it: everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wowsim.errors import GuestFault
from wowsim.nt.records import dataclass
from wowsim.nt.security import ACL_HEADER, acl_size, sid_size
from wowsim.nt.status import STATUS_INVALID_PARAMETER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.nt.abi import Width

Item = tuple[bytes, int]
"""A SID or ACL (b"" for a NULL pointer) and its attributes (0 where the form has none)."""
MOST_ITEMS = 1024
"""Entries in one list; Windows' own limit is unverified."""


class Reader(Protocol):
    """Where the bytes come from."""

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes; raises GuestFault where there are none."""


@dataclass(frozen=True)
class Form:
    """How such a buffer is made.

    Attributes:
        counted: it begins with a ULONG, the number of entries; else there is one.
        attributes: a ULONG follows each pointer.
        head: bytes of a blob that say how long it is.
        measure: the length of a blob from its head.
    """

    counted: bool
    attributes: bool
    head: int
    measure: Callable[[bytes], int]

    def _stride(self, width: Width) -> int:
        return (2 if self.attributes else 1) * width // 8

    def _start(self, width: Width) -> int:
        return width // 8 if self.counted else 0

    def size(self, width: Width, items: Sequence[Item]) -> int:
        """Bytes of the whole buffer."""
        return self._start(width) + len(items) * self._stride(width) + sum(len(blob) for blob, _ in items)

    def encode(self, width: Width, address: int, items: Sequence[Item]) -> bytes:
        """The buffer as it lies at ``address``."""
        pointer, start = width // 8, self._start(width)
        table = len(items).to_bytes(start, "little") if self.counted else b""
        at = address + start + len(items) * self._stride(width)
        for blob, attributes in items:
            table += (at if blob else 0).to_bytes(8, "little")[:pointer]
            table += attributes.to_bytes(pointer, "little") if self.attributes else b""
            at += len(blob)
        return table + b"".join(blob for blob, _ in items)

    def capture(self, width: Width, memory: Reader, address: int) -> list[Item]:
        """What the buffer at ``address`` says, its blobs wherever they lie.

        Raises:
            GuestFault: bad memory, a malformed SID or ACL, more entries than there may be.
        """
        count = int.from_bytes(memory.read(address, 4), "little") if self.counted else 1
        if count > MOST_ITEMS:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        start, stride, pointer = self._start(width), self._stride(width), width // 8
        table = memory.read(address + start, count * stride) if count else b""
        found = []
        for at in range(0, count * stride, stride):
            where = int.from_bytes(table[at : at + pointer], "little")
            attributes = table[at + pointer : at + pointer + 4] if self.attributes else b""
            found.append((self._blob(memory, where), int.from_bytes(attributes, "little")))
        return found

    def _blob(self, memory: Reader, address: int) -> bytes:
        return memory.read(address, self.measure(memory.read(address, self.head))) if address else b""


SID = Form(False, False, 2, sid_size)
"""TOKEN_OWNER, TOKEN_PRIMARY_GROUP, TOKEN_APPCONTAINER_INFORMATION."""
SID_AND_ATTRIBUTES = Form(False, True, 2, sid_size)
"""TOKEN_USER, TOKEN_MANDATORY_LABEL."""
GROUPS = Form(True, True, 2, sid_size)
"""TOKEN_GROUPS."""
ACL = Form(False, False, ACL_HEADER, acl_size)
"""TOKEN_DEFAULT_DACL."""

FORMS = {
    1: SID_AND_ATTRIBUTES, 2: GROUPS, 4: SID, 5: SID, 6: ACL, 11: GROUPS, 25: SID_AND_ATTRIBUTES, 28: GROUPS,
    30: GROUPS, 31: SID, 37: GROUPS, 38: GROUPS, 41: SID,
}  # fmt: skip
"""TOKEN_INFORMATION_CLASS -> form. The remaining classes but 13, 19, 22, 39 and 44 have one layout."""
