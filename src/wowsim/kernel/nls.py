r"""NLS sections: tables of code pages, casing, sorting and normalization, mapped read-only (nt!Ex, nt!Nls).

A table is the content of a ``*.nls`` file of ``\Windows\System32``; whoever has such files gives them to the kernel
(:attr:`Kernel.nls`). Every call maps a view of its own, of one section a file. Which file a kind of section means:
names of the files and NORM_FORM of the public SDK; which kinds there are: phnt, and calls that system DLLs were seen
making (unverified where both are silent). Leaves out the names in ``\NLS`` and sort versions other than the default.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.memory.protection import PAGE_READONLY
from wowsim.memory.sections import SEC_COMMIT, SEC_FILE, FileSection
from wowsim.nt.abi import LARGE_INTEGER, NTSTATUS, PVOID, SIZE_T, ULONG, Out
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER_1,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.memory.sections import Section

FOLDER = "\\Windows\\System32\\"
LOCALES, CASING = "locale.nls", "l_intl.nls"
SORTING, CASE_MAP, CODE_PAGE, NORMALIZATION = 9, 10, 11, 12
_FORMS = {1: "normnfc.nls", 2: "normnfd.nls", 5: "normnfkc.nls", 6: "normnfkd.nls", 13: "normidna.nls"}
"""NORM_FORM (winnls.h), and the form of IdnToAscii."""


class _Table:
    """The bytes of one file, as a section reads them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def write(self, offset: int, data: bytes) -> None:
        raise GuestFault(STATUS_ACCESS_DENIED)


def _file_name(kind: int, number: int) -> str | None:
    """The file behind a kind of section and its number; None where there is none of that number."""
    if kind in (SORTING, CASE_MAP):
        return None if number else "sortdefault.nls" if kind == SORTING else CASING
    if kind == CODE_PAGE:
        return f"c_{number:03d}.nls"
    if kind == NORMALIZATION:
        return _FORMS.get(number)
    raise GuestFault(STATUS_INVALID_PARAMETER_1)


def _section(k: Kernel, name: str) -> Section:
    """The section of a file; it stays as long as the machine runs."""
    found = k.nls_sections.get(name)
    if found is None:
        data = k.nls(name)
        if not data:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        found = FileSection(
            k.space.pages, k.space.commitment, _Table(data), len(data), PAGE_READONLY,
            SEC_COMMIT | SEC_FILE, FOLDER + name,
        )  # fmt: skip
        k.nls_sections[name] = found
    return found


def _map(k: Kernel, name: str, cause: str) -> tuple[int, int]:
    section = _section(k, name)
    k.space.cause = cause
    base, size, _ = k.space.map_view(section, protection=PAGE_READONLY)
    return base, size


@service(Support.PARTIAL, "default sort version only; every call maps anew")
def NtGetNlsSectionPtr(
    k: Kernel,
    section_type: ULONG,
    section_data: ULONG,
    context_data: PVOID,
    section_pointer: Out[PVOID],
    section_size: Out[SIZE_T] | None,
) -> NTSTATUS:
    """Map the table of a kind and number (a code page, a NORM_FORM, or 0).

    The size is written as wide as a pointer, as callers were seen to expect; phnt says ULONG.
    """
    name = _file_name(section_type, section_data)
    if name is None:
        return STATUS_OBJECT_NAME_NOT_FOUND
    base, size = _map(k, name, "NtGetNlsSectionPtr")
    section_pointer.set(PVOID(base))
    if section_size is not None:
        section_size.set(SIZE_T(size))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "CurrentNLSVersion of Windows Vista is refused by name")
def NtInitializeNlsFiles(
    k: Kernel,
    base_address: Out[PVOID],
    default_locale_id: Out[ULONG],
    default_casing_table_size: Out[LARGE_INTEGER] | None,
    current_nls_version: Out[ULONG] | None,
) -> NTSTATUS:
    """Map the table of locales; the last argument only in Windows Vista SP1 and SP2 (see ``nt.forms``)."""
    if current_nls_version is not None:
        raise Unsupported("NtInitializeNlsFiles(CurrentNLSVersion) is not implemented")
    base, _ = _map(k, LOCALES, "NtInitializeNlsFiles")
    base_address.set(PVOID(base))
    default_locale_id.set(ULONG(k.languages.system))
    if default_casing_table_size is not None:
        default_casing_table_size.set(LARGE_INTEGER(_section(k, CASING).size))
    return STATUS_SUCCESS
