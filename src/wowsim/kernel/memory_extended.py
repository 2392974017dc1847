"""The Ex services of the memory manager (Windows 8 to 10 1809): allocating, sections, mapping with parameters more.

Leaves out placeholders and every extended parameter but address requirements, by name. Who may import it: the
simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.extended_parameters import refuse_section_parameters, requirements_of
from wowsim.kernel.memory import PROCESS_VM_OPERATION
from wowsim.kernel.section_objects import SectionObject, map_rights
from wowsim.kernel.sections import create_section, unmap
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    In,
    InOut,
    Out,
)
from wowsim.nt.status import STATUS_INVALID_PARAMETER_3, STATUS_SUCCESS
from wowsim.nt.structures import OBJECT_ATTRIBUTES

MEM_REPLACE_PLACEHOLDER = 0x4000
MEM_RESERVE_PLACEHOLDER = 0x40000
MEM_UNMAP_WITH_TRANSIENT_BOOST = 0x1
MEM_PRESERVE_PLACEHOLDER = 0x2
_PLACEHOLDERS = {
    MEM_REPLACE_PLACEHOLDER: "MEM_REPLACE_PLACEHOLDER",
    MEM_RESERVE_PLACEHOLDER: "MEM_RESERVE_PLACEHOLDER",
}


def _refuse_placeholders(service_name: str, allocation_type: int) -> None:
    for bit, name in _PLACEHOLDERS.items():
        if allocation_type & bit:
            raise Unsupported(f"{service_name}: {name}")


@service(
    Support.PARTIAL, "placeholders, AWE and parameters other than address requirements are refused by name"
)
def NtAllocateVirtualMemoryEx(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    allocation_type: ULONG,
    page_protection: ULONG,
    extended_parameters: PVOID,
    extended_parameter_count: ULONG,
) -> NTSTATUS:
    """Reserve or commit pages where the caller's conditions allow it."""
    name = "NtAllocateVirtualMemoryEx"
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    _refuse_placeholders(name, allocation_type)
    wanted = base_address.value
    requirements = requirements_of(k, name, extended_parameters, extended_parameter_count, wanted)
    k.space.cause = name
    base, size = k.space.allocate(
        wanted, region_size.value, allocation_type, page_protection, requirements=requirements
    )
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "SEC_BASED, SEC_LARGE_PAGES and extended parameters are refused by name")
def NtCreateSectionEx(
    k: Kernel,
    section_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    maximum_size: In[LARGE_INTEGER] | None,
    section_page_protection: ULONG,
    allocation_attributes: ULONG,
    file_handle: HANDLE,
    extended_parameters: PVOID,
    extended_parameter_count: ULONG,
) -> NTSTATUS:
    """Make a section of an image, a file, or the page file."""
    refuse_section_parameters(k, extended_parameters, extended_parameter_count)
    access = SectionObject.mapping.grant(desired_access)
    contents = (maximum_size, section_page_protection, allocation_attributes, file_handle)
    return create_section(k, section_handle, access, object_attributes, *contents)


@service(Support.PARTIAL, "placeholders and parameters other than address requirements are refused by name")
def NtMapViewOfSectionEx(
    k: Kernel,
    section_handle: HANDLE,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    section_offset: InOut[LARGE_INTEGER] | None,
    view_size: InOut[SIZE_T],
    allocation_type: ULONG,
    page_protection: ULONG,
    extended_parameters: PVOID,
    extended_parameter_count: ULONG,
) -> NTSTATUS:
    """Map a view where the caller's conditions allow it."""
    name = "NtMapViewOfSectionEx"
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    found = k.handles.lookup(section_handle, SectionObject, map_rights(page_protection))
    _refuse_placeholders(name, allocation_type)
    wanted = base_address.value
    requirements = requirements_of(k, name, extended_parameters, extended_parameter_count, wanted)
    k.space.cause = name
    offset = 0 if section_offset is None else section_offset.value
    base, size, status = k.space.map_view(
        found.section,
        wanted,
        offset,
        view_size.value,
        page_protection,
        allocation_type=allocation_type,
        requirements=requirements,
    )
    base_address.set(PVOID(base))
    view_size.set(SIZE_T(size))
    if section_offset is not None:
        section_offset.set(LARGE_INTEGER(offset))
    return NTSTATUS(status)


@service(Support.PARTIAL, "placeholders are refused by name")
def NtUnmapViewOfSectionEx(k: Kernel, process_handle: HANDLE, base_address: PVOID, flags: ULONG) -> NTSTATUS:
    """Unmap the view that holds an address; the boost that a flag asks for changes nothing here."""
    if flags & ~(MEM_UNMAP_WITH_TRANSIENT_BOOST | MEM_PRESERVE_PLACEHOLDER):
        return STATUS_INVALID_PARAMETER_3
    if flags & MEM_PRESERVE_PLACEHOLDER:
        raise Unsupported("NtUnmapViewOfSectionEx: MEM_PRESERVE_PLACEHOLDER")
    return unmap(k, process_handle, base_address, "NtUnmapViewOfSectionEx")
