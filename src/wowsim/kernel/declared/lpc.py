"""LPC ports (nt!Lpc*), which Windows Vista and later keep on top of ALPC.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntlpcapi.h, ntpsapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.security_structures import SECURITY_QUALITY_OF_SERVICE
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAcceptConnectPort(
    k: Kernel,
    port_handle: Out[HANDLE],
    port_context: PVOID,
    connection_request: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    accept_connection: BOOLEAN,
    server_view: Annotated[PVOID, Unconverted("PORT_VIEW")],
    client_view: Annotated[PVOID, Unconverted("REMOTE_PORT_VIEW")],
) -> NTSTATUS: ...


def NtCompleteConnectPort(k: Kernel, port_handle: HANDLE) -> NTSTATUS: ...


def NtConnectPort(
    k: Kernel,
    port_handle: Out[HANDLE],
    port_name: In[UNICODE_STRING],
    security_qos: In[SECURITY_QUALITY_OF_SERVICE],
    client_view: Annotated[PVOID, Unconverted("PORT_VIEW")],
    server_view: Annotated[PVOID, Unconverted("REMOTE_PORT_VIEW")],
    max_message_length: Out[ULONG] | None,
    connection_information: PVOID,
    connection_information_length: InOut[ULONG] | None,
) -> NTSTATUS: ...


def NtCreatePort(
    k: Kernel,
    port_handle: Out[HANDLE],
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    max_connection_info_length: ULONG,
    max_message_length: ULONG,
    max_pool_usage: ULONG,
) -> NTSTATUS: ...


def NtCreateWaitablePort(
    k: Kernel,
    port_handle: Out[HANDLE],
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    max_connection_info_length: ULONG,
    max_message_length: ULONG,
    max_pool_usage: ULONG,
) -> NTSTATUS: ...


def NtImpersonateClientOfPort(
    k: Kernel, port_handle: HANDLE, message: Annotated[PVOID, Unconverted("PORT_MESSAGE")]
) -> NTSTATUS: ...


def NtListenPort(
    k: Kernel, port_handle: HANDLE, connection_request: Annotated[PVOID, Unconverted("PORT_MESSAGE")]
) -> NTSTATUS: ...


def NtQueryInformationPort(
    k: Kernel,
    port_handle: HANDLE,
    port_information_class: ULONG,
    port_information: PVOID,
    length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQueryPortInformationProcess(k: Kernel) -> ULONG: ...


def NtReadRequestData(
    k: Kernel,
    port_handle: HANDLE,
    message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    data_entry_index: ULONG,
    buffer: PVOID,
    buffer_size: SIZE_T,
    number_of_bytes_read: Out[SIZE_T] | None,
) -> NTSTATUS: ...


def NtRegisterThreadTerminatePort(k: Kernel, port_handle: HANDLE) -> NTSTATUS: ...


def NtReplyPort(
    k: Kernel, port_handle: HANDLE, reply_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")]
) -> NTSTATUS: ...


def NtReplyWaitReceivePort(
    k: Kernel,
    port_handle: HANDLE,
    port_context: Out[PVOID] | None,
    reply_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    receive_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
) -> NTSTATUS: ...


def NtReplyWaitReceivePortEx(
    k: Kernel,
    port_handle: HANDLE,
    port_context: Out[PVOID] | None,
    reply_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    receive_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS: ...


def NtReplyWaitReplyPort(
    k: Kernel, port_handle: HANDLE, reply_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")]
) -> NTSTATUS: ...


def NtRequestPort(
    k: Kernel, port_handle: HANDLE, request_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")]
) -> NTSTATUS: ...


def NtRequestWaitReplyPort(
    k: Kernel,
    port_handle: HANDLE,
    request_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    reply_message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
) -> NTSTATUS: ...


def NtSecureConnectPort(
    k: Kernel,
    port_handle: Out[HANDLE],
    port_name: In[UNICODE_STRING],
    security_qos: In[SECURITY_QUALITY_OF_SERVICE],
    client_view: Annotated[PVOID, Unconverted("PORT_VIEW")],
    required_server_sid: PVOID,
    server_view: Annotated[PVOID, Unconverted("REMOTE_PORT_VIEW")],
    max_message_length: Out[ULONG] | None,
    connection_information: PVOID,
    connection_information_length: InOut[ULONG] | None,
) -> NTSTATUS: ...


def NtWriteRequestData(
    k: Kernel,
    port_handle: HANDLE,
    message: Annotated[PVOID, Unconverted("PORT_MESSAGE")],
    data_entry_index: ULONG,
    buffer: PVOID,
    buffer_size: SIZE_T,
    number_of_bytes_written: Out[SIZE_T] | None,
) -> NTSTATUS: ...
