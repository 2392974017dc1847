"""ALPC ports (nt!Alpc*): messages with attributes between processes.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntlpcapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PSECURITY_DESCRIPTOR,
    PVOID,
    SIZE_T,
    ULONG,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.alpc_structures import (
    ALPC_CONTEXT_ATTR,
    ALPC_DATA_VIEW_ATTR,
    ALPC_PORT_ATTRIBUTES,
    ALPC_SECURITY_ATTR,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAlpcAcceptConnectPort(
    k: Kernel,
    port_handle: Out[HANDLE],
    connection_port_handle: HANDLE,
    flags: ULONG,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    port_attributes: In[ALPC_PORT_ATTRIBUTES] | None,
    port_context: PVOID,
    connection_request: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    connection_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    accept_connection: BOOLEAN,
) -> NTSTATUS: ...


def NtAlpcCancelMessage(
    k: Kernel, port_handle: HANDLE, flags: ULONG, message_context: In[ALPC_CONTEXT_ATTR]
) -> NTSTATUS: ...


def NtAlpcConnectPort(
    k: Kernel,
    port_handle: Out[HANDLE],
    port_name: In[UNICODE_STRING],
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    port_attributes: In[ALPC_PORT_ATTRIBUTES] | None,
    flags: ULONG,
    required_server_sid: PVOID,
    connection_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    buffer_length: InOut[SIZE_T] | None,
    out_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    in_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS: ...


def NtAlpcConnectPortEx(
    k: Kernel,
    port_handle: Out[HANDLE],
    connection_port_object_attributes: In[OBJECT_ATTRIBUTES],
    client_port_object_attributes: In[OBJECT_ATTRIBUTES] | None,
    port_attributes: In[ALPC_PORT_ATTRIBUTES] | None,
    flags: ULONG,
    server_security_requirements: PSECURITY_DESCRIPTOR,
    connection_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    buffer_length: InOut[SIZE_T] | None,
    out_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    in_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS: ...


def NtAlpcCreatePort(
    k: Kernel,
    port_handle: Out[HANDLE],
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    port_attributes: In[ALPC_PORT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtAlpcCreatePortSection(
    k: Kernel,
    port_handle: HANDLE,
    flags: ULONG,
    section_handle: HANDLE,
    section_size: SIZE_T,
    alpc_section_handle: Out[HANDLE],
    actual_section_size: Out[SIZE_T],
) -> NTSTATUS: ...


def NtAlpcCreateResourceReserve(
    k: Kernel, port_handle: HANDLE, flags: ULONG, message_size: SIZE_T, resource_id: Out[ULONG]
) -> NTSTATUS: ...


def NtAlpcCreateSectionView(
    k: Kernel, port_handle: HANDLE, flags: ULONG, view_attributes: InOut[ALPC_DATA_VIEW_ATTR]
) -> NTSTATUS: ...


def NtAlpcCreateSecurityContext(
    k: Kernel, port_handle: HANDLE, flags: ULONG, security_attribute: InOut[ALPC_SECURITY_ATTR]
) -> NTSTATUS: ...


def NtAlpcDeletePortSection(
    k: Kernel, port_handle: HANDLE, flags: ULONG, section_handle: HANDLE
) -> NTSTATUS: ...


def NtAlpcDeleteResourceReserve(
    k: Kernel, port_handle: HANDLE, flags: ULONG, resource_id: ULONG
) -> NTSTATUS: ...


def NtAlpcDeleteSectionView(k: Kernel, port_handle: HANDLE, flags: ULONG, view_base: PVOID) -> NTSTATUS: ...


def NtAlpcDeleteSecurityContext(
    k: Kernel, port_handle: HANDLE, flags: ULONG, context_handle: HANDLE
) -> NTSTATUS: ...


def NtAlpcDisconnectPort(k: Kernel, port_handle: HANDLE, flags: ULONG) -> NTSTATUS: ...


def NtAlpcImpersonateClientContainerOfPort(
    k: Kernel, port_handle: HANDLE, message: Annotated[PVOID, Unconverted("PORT_MESSAGE")], flags: ULONG
) -> NTSTATUS: ...


def NtAlpcImpersonateClientOfPort(
    k: Kernel, port_handle: HANDLE, message: Annotated[PVOID, Unconverted("PORT_MESSAGE")], flags: ULONG
) -> NTSTATUS: ...


def NtAlpcOpenSenderProcess(
    k: Kernel,
    process_handle: Out[HANDLE],
    port_handle: HANDLE,
    port_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    flags: ULONG,
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtAlpcOpenSenderThread(
    k: Kernel,
    thread_handle: Out[HANDLE],
    port_handle: HANDLE,
    port_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    flags: ULONG,
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtAlpcQueryInformation(
    k: Kernel,
    port_handle: HANDLE,
    port_information_class: ULONG,
    port_information: PVOID,
    length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtAlpcQueryInformationMessage(
    k: Kernel,
    port_handle: HANDLE,
    port_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    message_information_class: ULONG,
    message_information: PVOID,
    length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtAlpcRevokeSecurityContext(
    k: Kernel, port_handle: HANDLE, flags: ULONG, context_handle: HANDLE
) -> NTSTATUS: ...


def NtAlpcSendWaitReceivePort(
    k: Kernel,
    port_handle: HANDLE,
    flags: ULONG,
    send_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    send_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    receive_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    buffer_length: InOut[SIZE_T] | None,
    receive_message_attributes: Annotated[PVOID, Unconverted("ALPC_MESSAGE_ATTRIBUTES")],
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS: ...


def NtAlpcSetInformation(
    k: Kernel, port_handle: HANDLE, port_information_class: ULONG, port_information: PVOID, length: ULONG
) -> NTSTATUS: ...
