"""Names, directories, links, private namespaces and security of objects (the object manager, nt!Ob*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntobapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PSECURITY_DESCRIPTOR,
    PVOID,
    ULONG,
    In,
    InOut,
    Out,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCompareObjects(k: Kernel, first_object_handle: HANDLE, second_object_handle: HANDLE) -> NTSTATUS: ...


def NtCreateDirectoryObject(
    k: Kernel,
    directory_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtCreateDirectoryObjectEx(
    k: Kernel,
    directory_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    shadow_directory_handle: HANDLE,
    flags: ULONG,
) -> NTSTATUS: ...


def NtCreatePrivateNamespace(
    k: Kernel,
    namespace_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    boundary_descriptor: PVOID,
) -> NTSTATUS: ...


def NtCreateSymbolicLinkObject(
    k: Kernel,
    link_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    link_target: In[UNICODE_STRING],
) -> NTSTATUS: ...


def NtDeletePrivateNamespace(k: Kernel, namespace_handle: HANDLE) -> NTSTATUS: ...


def NtMakePermanentObject(k: Kernel, handle: HANDLE) -> NTSTATUS: ...


def NtMakeTemporaryObject(k: Kernel, handle: HANDLE) -> NTSTATUS: ...


def NtOpenPrivateNamespace(
    k: Kernel,
    namespace_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    boundary_descriptor: PVOID,
) -> NTSTATUS: ...


def NtOpenSymbolicLinkObject(
    k: Kernel, link_handle: Out[HANDLE], desired_access: ACCESS_MASK, object_attributes: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS: ...


def NtQueryDirectoryObject(
    k: Kernel,
    directory_handle: HANDLE,
    buffer: PVOID,
    length: ULONG,
    return_single_entry: BOOLEAN,
    restart_scan: BOOLEAN,
    context: InOut[ULONG],
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQuerySecurityObject(
    k: Kernel,
    handle: HANDLE,
    security_information: ULONG,
    security_descriptor: PVOID,
    length: ULONG,
    length_needed: Out[ULONG],
) -> NTSTATUS: ...


def NtQuerySymbolicLinkObject(
    k: Kernel, link_handle: HANDLE, link_target: InOut[UNICODE_STRING], returned_length: Out[ULONG] | None
) -> NTSTATUS: ...


def NtSetInformationObject(
    k: Kernel,
    handle: HANDLE,
    object_information_class: ULONG,
    object_information: PVOID,
    object_information_length: ULONG,
) -> NTSTATUS: ...


def NtSetInformationSymbolicLink(
    k: Kernel,
    link_handle: HANDLE,
    symbolic_link_information_class: ULONG,
    symbolic_link_information: PVOID,
    symbolic_link_information_length: ULONG,
) -> NTSTATUS: ...


def NtSetSecurityObject(
    k: Kernel, handle: HANDLE, security_information: ULONG, security_descriptor: PSECURITY_DESCRIPTOR
) -> NTSTATUS: ...
