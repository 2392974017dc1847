"""Page protections: PAGE_* values of callers, five-bit MM codes of VADs and PTEs, what the CPU enforces.

PAGE_* values and their rules are documented (Microsoft Learn, "Memory Protection Constants"); the MM codes
are those of wow64-facts section 8.3. CFG's PAGE_TARGETS_INVALID and enclave bits are refused.

Who may import it: everybody above ``wowsim.nt``.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.memory.pages import EXECUTE, READ, WRITE
from wowsim.nt.status import STATUS_INVALID_PAGE_PROTECTION

PAGE_NOACCESS = 0x01
PAGE_READONLY = 0x02
PAGE_READWRITE = 0x04
PAGE_WRITECOPY = 0x08
PAGE_EXECUTE = 0x10
PAGE_EXECUTE_READ = 0x20
PAGE_EXECUTE_READWRITE = 0x40
PAGE_EXECUTE_WRITECOPY = 0x80
PAGE_GUARD = 0x100
PAGE_NOCACHE = 0x200
PAGE_WRITECOMBINE = 0x400

MM_READONLY = 1
MM_EXECUTE = 2
MM_EXECUTE_READ = 3
MM_READWRITE = 4
MM_WRITECOPY = 5
MM_EXECUTE_READWRITE = 6
MM_EXECUTE_WRITECOPY = 7
MM_NOCACHE = 0x08
MM_GUARD = 0x10
MM_WRITECOMBINE = 0x18
MM_NOACCESS = 0x18

_BASIC = {
    PAGE_READONLY: MM_READONLY,
    PAGE_EXECUTE: MM_EXECUTE,
    PAGE_EXECUTE_READ: MM_EXECUTE_READ,
    PAGE_READWRITE: MM_READWRITE,
    PAGE_WRITECOPY: MM_WRITECOPY,
    PAGE_EXECUTE_READWRITE: MM_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY: MM_EXECUTE_WRITECOPY,
}
_PAGE = {mm: page for page, mm in _BASIC.items()}
_MODIFIERS = {0: 0, PAGE_GUARD: MM_GUARD, PAGE_NOCACHE: MM_NOCACHE, PAGE_WRITECOMBINE: MM_WRITECOMBINE}
_MODIFIER_PAGE = {0: 0, MM_GUARD: PAGE_GUARD, MM_NOCACHE: PAGE_NOCACHE, MM_WRITECOMBINE: PAGE_WRITECOMBINE}
_NAMES = (
    "ZERO_ACCESS",
    "READONLY",
    "EXECUTE",
    "EXECUTE_READ",
    "READWRITE",
    "WRITECOPY",
    "EXECUTE_READWRITE",
    "EXECUTE_WRITECOPY",
)
_MODIFIER_NAMES = {0: "", MM_GUARD: "_GUARD", MM_NOCACHE: "_NOCACHE", MM_WRITECOMBINE: "_WRITECOMBINE"}
_ACCESS = {
    MM_READONLY: READ,
    # x86 page tables have no execute-only page.
    MM_EXECUTE: READ | EXECUTE,
    MM_EXECUTE_READ: READ | EXECUTE,
    MM_READWRITE: READ | WRITE,
    MM_WRITECOPY: READ,
    MM_EXECUTE_READWRITE: READ | WRITE | EXECUTE,
    MM_EXECUTE_WRITECOPY: READ | EXECUTE,
}


def mm_from_page(protection: int) -> int:
    """The MM code of a PAGE_* value.

    Raises:
        GuestFault: STATUS_INVALID_PAGE_PROTECTION, for none or two basic protections, two modifiers, a
            modifier on PAGE_NOACCESS, or unknown bits.
    """
    if protection == PAGE_NOACCESS:
        return MM_NOACCESS
    basic, modifier = protection & 0xFF, protection & ~0xFF
    if basic not in _BASIC or modifier not in _MODIFIERS:
        raise GuestFault(STATUS_INVALID_PAGE_PROTECTION)
    return _BASIC[basic] | _MODIFIERS[modifier]


def page_from_mm(mm: int) -> int:
    """The PAGE_* value of an MM code."""
    if mm & 7 == 0:
        return PAGE_NOACCESS
    return _PAGE[mm & 7] | _MODIFIER_PAGE[mm & 0x18]


def name_of(mm: int) -> str:
    """The MM code as ``!vad`` prints it; how it prints modifiers is unverified."""
    if mm == MM_NOACCESS:
        return "NO_ACCESS"
    return _NAMES[mm & 7] + _MODIFIER_NAMES[mm & 0x18]


def cpu_access(mm: int) -> int:
    """What the CPU may do: nothing on a guard page, no write on a page that must be copied first."""
    if is_guard(mm):
        return 0
    return _ACCESS.get(mm & 7, 0)


def is_guard(mm: int) -> bool:
    """Whether the first touch reports STATUS_GUARD_PAGE_VIOLATION."""
    return mm & 0x18 == MM_GUARD


def is_copy(mm: int) -> bool:
    """Whether a write copies the page."""
    return mm & 5 == 5


def to_copy(mm: int) -> int:
    """Writable turned into copied on write: its form in a view whose pages are not the process's own."""
    return mm | 1 if mm & 4 else mm


def to_own(mm: int) -> int:
    """Copied on write turned into writable: the form it has on a page that was copied."""
    return mm & ~1 if is_copy(mm) else mm


def allows(section: int, view: int) -> bool:
    """Whether a section made with PAGE_* value ``section`` may be viewed with ``view``.

    Source: Microsoft Learn, MapViewOfFile, table of ``dwDesiredAccess`` against the object's protection.
    """
    ours, theirs = mm_from_page(section & 0xFF), mm_from_page(view & 0xFF)
    if theirs == MM_NOACCESS:
        return True
    given, wanted = _ACCESS.get(ours, 0), _ACCESS[theirs]
    return wanted & ~given == 0
