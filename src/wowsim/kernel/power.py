"""Power: what the machine can do, who keeps it awake (nt!Po).

A desktop without battery that never sleeps. Information levels and structures: winnt.h. Leaves out policies and
requests to sleep. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import Unsupported
from wowsim.kernel.class_names import POWER_LEVELS
from wowsim.kernel.context import Kernel
from wowsim.kernel.privileged import demand
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import BOOLEAN, NTSTATUS, PVOID, ULONG, Out
from wowsim.nt.status import STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS

if TYPE_CHECKING:
    from collections.abc import Callable

ES_CONTINUOUS = 0x80000000
ES_VALID = ES_CONTINUOUS | 0x47
"""ES_SYSTEM_REQUIRED, ES_DISPLAY_REQUIRED, ES_USER_PRESENT and ES_AWAYMODE_REQUIRED."""
_MEGAHERTZ = 2000


def _capabilities(k: Kernel) -> bytes:
    """SYSTEM_POWER_CAPABILITIES: a power button and S5; the wake states are PowerSystemUnspecified."""
    flags = bytearray(32)
    flags[0] = flags[6] = 1  # PowerButtonPresent, SystemS5
    flags[10] = 1  # FullWake
    return bytes(flags) + bytes(24) + struct.pack("<5I", 0, 0, 0, 0, 0)


def _battery(k: Kernel) -> bytes:
    """SYSTEM_BATTERY_STATE: on line, no battery."""
    return struct.pack("<8B6I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _processors(k: Kernel) -> bytes:
    """PROCESSOR_POWER_INFORMATION of the one there is."""
    return struct.pack("<6I", 0, _MEGAHERTZ, _MEGAHERTZ, _MEGAHERTZ, 0, 0)


_LEVELS: dict[int, Callable[[Kernel], bytes]] = {
    4: _capabilities,
    5: _battery,
    11: _processors,
    14: lambda k: bytes(8),
    15: lambda k: bytes(8),
    16: lambda k: struct.pack("<I", k.thread.execution_state),
}


@service(Support.PARTIAL, "levels 4, 5, 11, 14, 15 and 16")
def NtPowerInformation(
    k: Kernel,
    information_level: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
) -> NTSTATUS:
    """What the machine can do about power (MS docs, CallNtPowerInformation)."""
    level = _LEVELS.get(information_level)
    if level is None:
        if information_level > max(POWER_LEVELS):
            return STATUS_INVALID_PARAMETER
        raise Unsupported(f"NtPowerInformation({POWER_LEVELS[information_level]}) is not implemented")
    if input_buffer or not output_buffer:
        return STATUS_INVALID_PARAMETER
    data = level(k)
    if output_buffer_length < len(data):
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(output_buffer, data)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtSetThreadExecutionState(k: Kernel, new_flags: ULONG, previous_flags: Out[ULONG]) -> NTSTATUS:
    """Say what a thread needs to stay on; only what is continuous is remembered (MS docs)."""
    if new_flags & ~ES_VALID:
        return STATUS_INVALID_PARAMETER
    previous_flags.set(ULONG(k.thread.execution_state))
    if new_flags & ES_CONTINUOUS:
        k.thread.execution_state = new_flags
    return STATUS_SUCCESS


@service(Support.FULL)
def NtIsSystemResumeAutomatic(k: Kernel) -> NTSTATUS:
    """Whether the machine woke by itself: FALSE in the place of a status, as it never slept."""
    return STATUS_SUCCESS


# ---------------------------------------------------------------- leaving the working state
@service(Support.PARTIAL, "the machine cannot be shut down")
def NtShutdownSystem(k: Kernel, action: ULONG) -> NTSTATUS:
    """Needs SeShutdownPrivilege."""
    demand(k, "SeShutdownPrivilege")
    raise Unsupported("NtShutdownSystem: the machine is not shut down")


@service(Support.PARTIAL, "the machine cannot sleep")
def NtInitiatePowerAction(
    k: Kernel, system_action: ULONG, lightest_system_state: ULONG, flags: ULONG, asynchronous: BOOLEAN
) -> NTSTATUS:
    """Needs SeShutdownPrivilege."""
    demand(k, "SeShutdownPrivilege")
    raise Unsupported("NtInitiatePowerAction: the machine does not sleep")


@service(Support.PARTIAL, "the machine cannot sleep")
def NtSetSystemPowerState(
    k: Kernel, system_action: ULONG, lightest_system_state: ULONG, flags: ULONG
) -> NTSTATUS:
    """Needs SeShutdownPrivilege."""
    demand(k, "SeShutdownPrivilege")
    raise Unsupported("NtSetSystemPowerState: the machine does not sleep")
