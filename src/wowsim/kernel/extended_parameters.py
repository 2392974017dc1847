"""MEM_EXTENDED_PARAMETER arrays: what the Ex services of the memory manager take beyond the ordinary arguments.

Rules: Microsoft Learn, MEM_EXTENDED_PARAMETER and MEM_ADDRESS_REQUIREMENTS; statuses unverified. Of the types only
address requirements are there, the others are refused by name. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.memory.requirements import Requirements
from wowsim.nt.abi import load, size_of
from wowsim.nt.memory_structures import MEM_ADDRESS_REQUIREMENTS, MEM_EXTENDED_PARAMETER
from wowsim.nt.status import STATUS_INVALID_PARAMETER

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

_ADDRESS_REQUIREMENTS = 1
_TYPES = {
    2: "MemExtendedParameterNumaNode",
    3: "MemExtendedParameterPartitionHandle",
    4: "MemExtendedParameterUserPhysicalHandle",
    5: "MemExtendedParameterAttributeFlags",
    6: "MemExtendedParameterImageMachine",
}
_SECTION_TYPES = {
    1: "MemSectionExtendedParameterUserPhysicalFlags",
    2: "MemSectionExtendedParameterNumaNode",
    3: "MemSectionExtendedParameterSigningLevel",
}
_MOST = 8
"""More parameters than there are types hold one twice."""


def requirements_of(k: Kernel, service: str, address: int, count: int, base: int) -> Requirements | None:
    """The address requirements among the parameters of a service, or None.

    Args:
        k: the kernel.
        service: its name, for what is refused.
        address: the array.
        count: its elements.
        base: the address that the caller asks for; with one, the requirements must be empty.

    Raises:
        GuestFault: STATUS_INVALID_PARAMETER, STATUS_ACCESS_VIOLATION.
        Unsupported: another type of parameter.
    """
    found: Requirements | None = None
    for kind, pointer in _elements(k, address, count):
        if kind != _ADDRESS_REQUIREMENTS:
            raise _refused(service, _TYPES, kind)
        wish = load(k.memory, pointer, MEM_ADDRESS_REQUIREMENTS, k.width)
        fields = (wish.LowestStartingAddress, wish.HighestEndingAddress, wish.Alignment)
        if base and any(fields):
            raise GuestFault(STATUS_INVALID_PARAMETER)
        found = Requirements.of(*fields, k.space.layout.highest_user)
    return found


def refuse_section_parameters(k: Kernel, address: int, count: int) -> None:
    """Refuse what NtCreateSectionEx is asked for beyond NtCreateSection; raises as :func:`requirements_of`."""
    for kind, _ in _elements(k, address, count):
        raise _refused("NtCreateSectionEx", _SECTION_TYPES, kind)


def _refused(service: str, types: dict[int, str], kind: int) -> Unsupported | GuestFault:
    name = types.get(kind)
    return GuestFault(STATUS_INVALID_PARAMETER) if name is None else Unsupported(f"{service}: {name}")


def _elements(k: Kernel, address: int, count: int) -> list[tuple[int, int]]:
    """Type and pointer of each parameter; the reserved bits of the type are checked, and that none comes twice."""
    if count > _MOST:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    size = size_of(MEM_EXTENDED_PARAMETER, k.width)
    found = [load(k.memory, address + size * i, MEM_EXTENDED_PARAMETER, k.width) for i in range(count)]
    kinds = [each.Type for each in found]
    if len(set(kinds)) != count or any(kind > 0xFF for kind in kinds):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    pointers = (1 << k.width) - 1
    return [(each.Type, each.Value & pointers) for each in found]
