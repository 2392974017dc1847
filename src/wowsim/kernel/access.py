"""Access masks and the flag values of file services (winnt.h and ntifs.h of the public SDK and WDK).

Who may import it: the kernel package.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD

# ---------------------------------------------------------------- access rights
DELETE = 0x10000
SYNCHRONIZE = 0x100000
ACCESS_SYSTEM_SECURITY = 0x1000000
MAXIMUM_ALLOWED = 0x2000000
GENERIC_ALL = 0x10000000
GENERIC_EXECUTE = 0x20000000
GENERIC_WRITE = 0x40000000
GENERIC_READ = 0x80000000

FILE_READ_DATA = FILE_LIST_DIRECTORY = 0x1
FILE_WRITE_DATA = 0x2
FILE_APPEND_DATA = 0x4
FILE_READ_EA = 0x8
FILE_WRITE_EA = 0x10
FILE_EXECUTE = 0x20
FILE_READ_ATTRIBUTES = 0x80
FILE_WRITE_ATTRIBUTES = 0x100

# ---------------------------------------------------------------- dispositions and their outcome
FILE_SUPERSEDE, FILE_OPEN, FILE_CREATE, FILE_OPEN_IF, FILE_OVERWRITE, FILE_OVERWRITE_IF = range(6)
"""CreateDisposition."""
FILE_SUPERSEDED, FILE_OPENED, FILE_CREATED, FILE_OVERWRITTEN = range(4)
"""IO_STATUS_BLOCK.Information of a successful create."""

# ---------------------------------------------------------------- create options
FILE_DIRECTORY_FILE = 0x1
FILE_WRITE_THROUGH = 0x2
FILE_SEQUENTIAL_ONLY = 0x4
FILE_NO_INTERMEDIATE_BUFFERING = 0x8
FILE_SYNCHRONOUS_IO_ALERT = 0x10
FILE_SYNCHRONOUS_IO_NONALERT = 0x20
FILE_SYNCHRONOUS_IO = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT
FILE_NON_DIRECTORY_FILE = 0x40
FILE_COMPLETE_IF_OPLOCKED = 0x100
FILE_DELETE_ON_CLOSE = 0x1000
FILE_OPEN_BY_FILE_ID = 0x2000
FILE_RESERVE_OPFILTER = 0x100000
FILE_OPEN_REPARSE_POINT = 0x200000
FILE_VALID_OPTIONS = 0xFFFFFF

# ---------------------------------------------------------------- sharing and attributes
FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_DELETE = 1, 2, 4
FILE_SHARE_ALL = 7

FILE_ATTRIBUTE_READONLY = 0x1
FILE_ATTRIBUTE_HIDDEN = 0x2
FILE_ATTRIBUTE_SYSTEM = 0x4
FILE_ATTRIBUTE_DIRECTORY = 0x10
FILE_ATTRIBUTE_ARCHIVE = 0x20
FILE_ATTRIBUTE_NORMAL = 0x80
FILE_ATTRIBUTE_TEMPORARY = 0x100
FILE_ATTRIBUTE_SPARSE_FILE = 0x200
FILE_ATTRIBUTE_REPARSE_POINT = 0x400
FILE_ATTRIBUTE_SETTABLE = 0x3127
"""READONLY, HIDDEN, SYSTEM, ARCHIVE, TEMPORARY, OFFLINE, NOT_CONTENT_INDEXED ([MS-FSCC] 2.6). NORMAL is not
kept: it is what a file without attributes reports."""
FILE_ATTRIBUTE_VALID = 0x7FB7


@dataclass(frozen=True)
class GenericMapping:
    """What the four generic rights mean for one object type."""

    read: int
    write: int
    execute: int
    all: int

    def grant(self, desired: int) -> int:
        """The specific rights granted for ``desired``: wowsim has no ACLs, so all that were asked for.

        Raises:
            GuestFault: STATUS_PRIVILEGE_NOT_HELD for the audit list, STATUS_ACCESS_DENIED for no right at
                all ([MS-FSA] 2.1.5.1: DesiredAccess zero).
        """
        if desired & 0xF3000000:
            if desired & ACCESS_SYSTEM_SECURITY:
                raise GuestFault(STATUS_PRIVILEGE_NOT_HELD)
            desired = self._specific(desired)
        if desired & ~self.all or desired == 0:
            raise GuestFault(STATUS_ACCESS_DENIED)
        return desired

    def _specific(self, desired: int) -> int:
        if desired & (MAXIMUM_ALLOWED | GENERIC_ALL):
            desired |= self.all
        if desired & GENERIC_READ:
            desired |= self.read
        if desired & GENERIC_WRITE:
            desired |= self.write
        if desired & GENERIC_EXECUTE:
            desired |= self.execute
        return desired & 0x0CFFFFFF


FILE_MAPPING = GenericMapping(0x120089, 0x120116, 0x1200A0, 0x1F01FF)
"""FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS."""
