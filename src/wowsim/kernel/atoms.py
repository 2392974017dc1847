"""Atom services: NtAddAtom, NtFindAtom, NtDeleteAtom, NtQueryInformationAtom (nt!Ex over nt!Rtl).

Signatures and structures: phnt. Names end at their first NUL. Who may import it: the simulation, through the service
table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.atom_table import FIRST_STRING_ATOM, MAXIMUM_NAME
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import from_utf16, utf16
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import NTSTATUS, PVOID, ULONG, USHORT, Out
from wowsim.nt.status import (
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_SUCCESS,
)

RTL_ATOM_PINNED = 1
ATOM_FLAG_GLOBAL = 2
_BASIC = 6
"""Bytes of ATOM_BASIC_INFORMATION before its name: three USHORTs."""


def _name(k: Kernel, address: int, length: int) -> str:
    if address == 0 or length == 0:
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    if length > MAXIMUM_NAME or length & 1:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return from_utf16(k.memory.read(address, length)).partition("\0")[0]


@service(Support.FULL)
def NtAddAtom(k: Kernel, atom_name: PVOID, length: ULONG, atom: Out[USHORT] | None) -> NTSTATUS:
    """Give a string a number, or count one more use of it. ``length`` is in bytes."""
    return _add(k, atom_name, length, atom)


@service(Support.FULL)
def NtAddAtomEx(
    k: Kernel, atom_name: PVOID, length: ULONG, atom: Out[USHORT] | None, flags: ULONG
) -> NTSTATUS:
    """NtAddAtom with flags, of which ATOM_FLAG_GLOBAL says what is so anyhow; others are refused (unverified)."""
    if flags & ~ATOM_FLAG_GLOBAL:
        return STATUS_INVALID_PARAMETER
    return _add(k, atom_name, length, atom)


def _add(k: Kernel, address: int, length: int, atom: Out[USHORT] | None) -> NTSTATUS:
    number = k.atoms.add(_name(k, address, length))
    if atom is not None:
        atom.set(USHORT(number))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtFindAtom(k: Kernel, atom_name: PVOID, length: ULONG, atom: Out[USHORT] | None) -> NTSTATUS:
    """The number of a string."""
    number = k.atoms.find(_name(k, atom_name, length))
    if atom is not None:
        atom.set(USHORT(number))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtDeleteAtom(k: Kernel, atom: USHORT) -> NTSTATUS:
    """Count one use less."""
    k.atoms.delete(atom)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryInformationAtom(
    k: Kernel,
    atom: USHORT,
    atom_information_class: ULONG,
    atom_information: PVOID,
    atom_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """AtomBasicInformation (0): count of uses, flags, name; AtomTableInformation (1): every string atom."""
    if atom_information_class == 0:
        name, count = k.atoms.about(atom)
        text = utf16(name)
        pinned = RTL_ATOM_PINNED if atom < FIRST_STRING_ATOM else 0
        fields = (min(count, 0xFFFF), pinned, len(text))
        data = b"".join(field.to_bytes(2, "little") for field in fields) + text + b"\0\0"
    elif atom_information_class == 1:
        atoms = k.atoms.strings()
        data = len(atoms).to_bytes(4, "little") + b"".join(each.to_bytes(2, "little") for each in atoms)
    else:
        return STATUS_INVALID_INFO_CLASS
    if return_length is not None:
        return_length.set(ULONG(len(data)))
    if atom_information_length < (_BASIC if atom_information_class == 0 else len(data)):
        return STATUS_INFO_LENGTH_MISMATCH
    if atom_information_length < len(data):
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(atom_information, data)
    return STATUS_SUCCESS
