"""Section services: NtCreateSection, NtOpenSection, mapping, asking, extending (nt!Mm section routines).

Leaves out other processes, SEC_BASED and SEC_LARGE_PAGES.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.class_names import absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import required
from wowsim.kernel.image_information import image_information
from wowsim.kernel.memory import PROCESS_VM_OPERATION
from wowsim.kernel.naming import Place, create_object, open_object
from wowsim.kernel.section_objects import (
    SECTION_EXTEND_SIZE,
    SECTION_QUERY,
    SectionObject,
    make_section,
    map_rights,
)
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.memory.protection import mm_from_page
from wowsim.memory.sections import (
    SEC_BASED,
    SEC_COMMIT,
    SEC_IMAGE,
    SEC_NOCACHE,
    SEC_RESERVE,
    ImageSection,
)
from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    In,
    InOut,
    Out,
    encode,
)
from wowsim.nt.memory_structures import SECTION_BASIC_INFORMATION
from wowsim.nt.status import (
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PAGE_PROTECTION,
    STATUS_INVALID_PARAMETER_6,
    STATUS_INVALID_PARAMETER_8,
    STATUS_SECTION_NOT_IMAGE,
    STATUS_SECTION_TOO_BIG,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES, SECTION_IMAGE_INFORMATION

SEC_LARGE_PAGES = 0x80000000
_VIEW_SHARE, _VIEW_UNMAP = 1, 2
_KINDS = SEC_COMMIT | SEC_RESERVE | SEC_IMAGE
_REFUSED = {SEC_BASED: "SEC_BASED", SEC_LARGE_PAGES: "SEC_LARGE_PAGES"}
_CLASSES = {
    0: "SectionBasicInformation",
    1: "SectionImageInformation",
    2: "SectionRelocationInformation",
    3: "SectionOriginalBaseInformation",
    4: "SectionInternalImageInformation",
}
"""SECTION_INFORMATION_CLASS (phnt)."""


# ---------------------------------------------------------------- making
@service(Support.PARTIAL, "SEC_BASED and SEC_LARGE_PAGES are refused by name")
def NtCreateSection(
    k: Kernel,
    section_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    maximum_size: In[LARGE_INTEGER] | None,
    section_page_protection: ULONG,
    allocation_attributes: ULONG,
    file_handle: HANDLE,
) -> NTSTATUS:
    """Make a section of an image, a file, or the page file."""
    access = SectionObject.mapping.grant(desired_access)
    contents = (maximum_size, section_page_protection, allocation_attributes, file_handle)
    return create_section(k, section_handle, access, object_attributes, *contents)


def create_section(
    k: Kernel,
    handle: Out[HANDLE],
    access: int,
    object_attributes: OBJECT_ATTRIBUTES | None,
    size: int | None,
    protection: int,
    attributes: int,
    file_handle: int,
) -> NTSTATUS:
    """What NtCreateSection and NtCreateSectionEx do."""
    _check_attributes(attributes)
    if mm_from_page(protection) & ~7:
        return STATUS_INVALID_PAGE_PROTECTION

    def make(place: Place | None) -> SectionObject:
        return SectionObject(make_section(k, size, protection, attributes, file_handle), place)

    return create_object(k, SectionObject, object_attributes, access, handle, make)


@service(Support.FULL)
def NtOpenSection(
    k: Kernel,
    section_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a section by name."""
    return open_object(k, SectionObject, object_attributes, desired_access, section_handle)


def _check_attributes(attributes: int) -> None:
    for bit, name in _REFUSED.items():
        if attributes & bit:
            raise Unsupported(f"NtCreateSection: {name}")
    kind = attributes & _KINDS
    if attributes & ~(_KINDS | SEC_NOCACHE) or kind not in (SEC_COMMIT, SEC_RESERVE, SEC_IMAGE):
        raise GuestFault(STATUS_INVALID_PARAMETER_6)
    if kind == SEC_IMAGE and attributes & SEC_NOCACHE:
        raise Unsupported("NtCreateSection: SEC_IMAGE_NO_EXECUTE")


# ---------------------------------------------------------------- mapping
@service(Support.FULL)
def NtMapViewOfSection(
    k: Kernel,
    section_handle: HANDLE,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    zero_bits: ULONG_PTR,
    commit_size: SIZE_T,
    section_offset: InOut[LARGE_INTEGER] | None,
    view_size: InOut[SIZE_T],
    inherit_disposition: ULONG,
    allocation_type: ULONG,
    win32_protect: ULONG,
) -> NTSTATUS:
    """Map a view; an image elsewhere than at its base answers STATUS_IMAGE_NOT_AT_BASE."""
    if inherit_disposition not in (_VIEW_SHARE, _VIEW_UNMAP):
        return STATUS_INVALID_PARAMETER_8
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    found = k.handles.lookup(section_handle, SectionObject, map_rights(win32_protect))
    k.space.cause = "NtMapViewOfSection"
    _check_memory(k, found)
    offset = 0 if section_offset is None else section_offset.value
    base, size, status = k.space.map_view(
        found.section,
        base_address.value,
        offset,
        view_size.value,
        win32_protect,
        allocation_type=allocation_type,
        zero_bits=zero_bits,
        commit_size=commit_size,
    )
    base_address.set(PVOID(base))
    view_size.set(SIZE_T(size))
    if section_offset is not None:
        section_offset.set(LARGE_INTEGER(offset))
    return NTSTATUS(status)


@service(Support.FULL)
def NtUnmapViewOfSection(k: Kernel, process_handle: HANDLE, base_address: PVOID) -> NTSTATUS:
    """Unmap the view that holds an address."""
    return unmap(k, process_handle, base_address, "NtUnmapViewOfSection")


def _check_memory(k: Kernel, section: SectionObject) -> None:
    """Processes have memory of their own here: what one has put into a section another one cannot see."""
    if section.section.pages is not k.space.pages:
        raise Unsupported("NtMapViewOfSection of a section that another process has made")


def unmap(k: Kernel, process_handle: int, address: int, cause: str) -> NTSTATUS:
    """What NtUnmapViewOfSection and NtUnmapViewOfSectionEx do."""
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    k.space.cause = cause
    k.space.unmap_view(address)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtFlushVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    io_status: Out[IO_STATUS_BLOCK] | None,
) -> NTSTATUS:
    """Write changed pages of a mapped file to the file."""
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    block = required(k, io_status)
    base, size = k.space.flush_view(base_address.value, region_size.value)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- asking and extending
@service(Support.PARTIAL, "classes 0 (basic) and 1 (image)")
def NtQuerySection(
    k: Kernel,
    section_handle: HANDLE,
    section_information_class: ULONG,
    section_information: PVOID,
    section_information_length: SIZE_T,
    return_length: Out[SIZE_T] | None,
) -> NTSTATUS:
    """What a section is."""
    section = k.handles.lookup(section_handle, SectionObject, SECTION_QUERY).section
    if section_information_class == 0:
        information = SECTION_BASIC_INFORMATION(
            PVOID(0), ULONG(section.attributes), LARGE_INTEGER(section.size)
        )
        data = encode(SECTION_BASIC_INFORMATION, k.width, information)
    elif section_information_class == 1:
        if not isinstance(section, ImageSection):
            return STATUS_SECTION_NOT_IMAGE
        data = encode(SECTION_IMAGE_INFORMATION, k.width, image_information(section))
    else:
        raise absent("NtQuerySection", _CLASSES, section_information_class)
    if section_information_length < len(data):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(section_information, data)
    if return_length is not None:
        return_length.set(SIZE_T(len(data)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtExtendSection(k: Kernel, section_handle: HANDLE, new_section_size: InOut[LARGE_INTEGER]) -> NTSTATUS:
    """Make a section of a file longer."""
    section = k.handles.lookup(section_handle, SectionObject, SECTION_EXTEND_SIZE).section
    if new_section_size.value < 0:
        return STATUS_SECTION_TOO_BIG
    section.extend(new_section_size.value)
    new_section_size.set(LARGE_INTEGER(section.size))
    return STATUS_SUCCESS
