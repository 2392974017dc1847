"""Names, directories, links, private namespaces and security of objects (the object manager, nt!Ob*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntobapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    NTSTATUS,
    PVOID,
    ULONG,
    In,
    Out,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreatePrivateNamespace(
    k: Kernel,
    namespace_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    boundary_descriptor: PVOID,
) -> NTSTATUS: ...


def NtDeletePrivateNamespace(k: Kernel, namespace_handle: HANDLE) -> NTSTATUS: ...


def NtOpenPrivateNamespace(
    k: Kernel,
    namespace_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    boundary_descriptor: PVOID,
) -> NTSTATUS: ...


def NtSetInformationSymbolicLink(
    k: Kernel,
    link_handle: HANDLE,
    symbolic_link_information_class: ULONG,
    symbolic_link_information: PVOID,
    symbolic_link_information_length: ULONG,
) -> NTSTATUS: ...
