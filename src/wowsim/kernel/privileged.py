"""Services that need a privilege which an ordinary program does not have, and what remains of them without it.

Where the privilege is held and enabled, wowsim refuses by name: it has no drivers, firmware variables or power
states. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.kernel.token import effective_token
from wowsim.nt.abi import BOOLEAN, LARGE_INTEGER, NTSTATUS, PVOID, ULONG, USHORT, In, InOut, Out
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DEBUGGER_INACTIVE,
    STATUS_NOT_IMPLEMENTED,
    STATUS_PRIVILEGE_NOT_HELD,
)
from wowsim.nt.structures import UNICODE_STRING


def demand(k: Kernel, privilege: str) -> None:
    """Raise STATUS_PRIVILEGE_NOT_HELD unless the caller's token has the privilege enabled."""
    if not effective_token(k).holds(privilege):
        raise GuestFault(STATUS_PRIVILEGE_NOT_HELD)


# ---------------------------------------------------------------- drivers, time, the screen
@service(Support.PARTIAL, "nothing is loaded")
def NtLoadDriver(k: Kernel, driver_service_name: In[UNICODE_STRING]) -> NTSTATUS:
    """Needs SeLoadDriverPrivilege."""
    demand(k, "SeLoadDriverPrivilege")
    raise Unsupported(f"NtLoadDriver({k.text_of(driver_service_name)}): there are no drivers")


@service(Support.PARTIAL, "nothing is unloaded")
def NtUnloadDriver(k: Kernel, driver_service_name: In[UNICODE_STRING]) -> NTSTATUS:
    """Needs SeLoadDriverPrivilege."""
    demand(k, "SeLoadDriverPrivilege")
    raise Unsupported(f"NtUnloadDriver({k.text_of(driver_service_name)}): there are no drivers")


@service(Support.PARTIAL, "the clock cannot be set")
def NtSetSystemTime(
    k: Kernel, system_time: In[LARGE_INTEGER] | None, previous_time: Out[LARGE_INTEGER] | None
) -> NTSTATUS:
    """Needs SeSystemtimePrivilege."""
    demand(k, "SeSystemtimePrivilege")
    raise Unsupported("NtSetSystemTime: the clock is the simulation's")


@service(Support.PARTIAL, "there is no boot screen")
def NtDisplayString(k: Kernel, string: In[UNICODE_STRING]) -> NTSTATUS:
    """Needs SeTcbPrivilege."""
    demand(k, "SeTcbPrivilege")
    raise Unsupported(f"NtDisplayString({k.text_of(string)!r}): there is no boot screen")


# ---------------------------------------------------------------- firmware variables
def _firmware(k: Kernel) -> NTSTATUS:
    """A machine with a BIOS has no variables (MS docs, GetFirmwareEnvironmentVariable: ERROR_INVALID_FUNCTION)."""
    demand(k, "SeSystemEnvironmentPrivilege")
    return STATUS_NOT_IMPLEMENTED


@service(Support.FULL)
def NtQuerySystemEnvironmentValue(
    k: Kernel,
    variable_name: In[UNICODE_STRING],
    variable_value: PVOID,
    value_length: USHORT,
    return_length: Out[USHORT] | None,
) -> NTSTATUS:
    """Needs SeSystemEnvironmentPrivilege."""
    return _firmware(k)


@service(Support.FULL)
def NtQuerySystemEnvironmentValueEx(
    k: Kernel,
    variable_name: In[UNICODE_STRING],
    vendor_guid: PVOID,
    buffer: PVOID,
    buffer_length: InOut[ULONG],
    attributes: Out[ULONG] | None,
) -> NTSTATUS:
    """Needs SeSystemEnvironmentPrivilege."""
    return _firmware(k)


@service(Support.FULL)
def NtSetSystemEnvironmentValue(
    k: Kernel, variable_name: In[UNICODE_STRING], variable_value: In[UNICODE_STRING]
) -> NTSTATUS:
    """Needs SeSystemEnvironmentPrivilege."""
    return _firmware(k)


@service(Support.FULL)
def NtSetSystemEnvironmentValueEx(
    k: Kernel,
    variable_name: In[UNICODE_STRING],
    vendor_guid: PVOID,
    buffer: PVOID,
    buffer_length: ULONG,
    attributes: ULONG,
) -> NTSTATUS:
    """Needs SeSystemEnvironmentPrivilege."""
    return _firmware(k)


@service(Support.FULL)
def NtEnumerateSystemEnvironmentValuesEx(
    k: Kernel, information_class: ULONG, buffer: PVOID, buffer_length: InOut[ULONG]
) -> NTSTATUS:
    """Needs SeSystemEnvironmentPrivilege."""
    return _firmware(k)


# ---------------------------------------------------------------- the kernel debugger
_DUMP_COMMANDS = (29, 37)
"""SysDbgGetTriageDump and SysDbgGetLiveKernelDump work without a debugger, but take SeDebugPrivilege (phnt)."""


@service(Support.PARTIAL, "dumps are missing")
def NtSystemDebugControl(
    k: Kernel,
    command: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """No kernel debugger is active (that this comes before the privilege is unverified)."""
    if command in _DUMP_COMMANDS:
        if not effective_token(k).holds("SeDebugPrivilege"):
            return STATUS_ACCESS_DENIED
        raise Unsupported(f"NtSystemDebugControl: command {command}")
    return STATUS_DEBUGGER_INACTIVE


@service(Support.FULL)
def NtQueryDebugFilterState(k: Kernel, component_id: ULONG, level: ULONG) -> NTSTATUS:
    """Whether DbgPrintEx prints: only errors, by default (WDK, "Reading and Filtering Debugging Messages").

    The answer is a number in the place of a status: 1 or 0.
    """
    mask = 1 << level if level < 32 else level
    return NTSTATUS(int(mask & _DEFAULT_FILTER != 0))


_DEFAULT_FILTER = 1
"""DPFLTR_ERROR_LEVEL."""


@service(Support.PARTIAL, "filters cannot be changed")
def NtSetDebugFilterState(k: Kernel, component_id: ULONG, level: ULONG, state: BOOLEAN) -> NTSTATUS:
    """Needs SeDebugPrivilege: STATUS_ACCESS_DENIED without it (unverified which of the two statuses)."""
    if not effective_token(k).holds("SeDebugPrivilege"):
        return STATUS_ACCESS_DENIED
    raise Unsupported("NtSetDebugFilterState: debug output has no filters")
