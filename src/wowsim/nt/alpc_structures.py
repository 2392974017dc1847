"""Structures of the ALPC services (phnt, ntlpcapi.h). PORT_MESSAGE and message attributes are not among them.

Who may import it: everybody.
"""

from __future__ import annotations

from wowsim.nt.abi import HANDLE, PVOID, SIZE_T, ULONG, Record, struct
from wowsim.nt.security_structures import SECURITY_QUALITY_OF_SERVICE


@struct
class ALPC_PORT_ATTRIBUTES(Record):
    """Limits of a port (2Ch / 48h bytes)."""

    Flags: ULONG
    SecurityQos: SECURITY_QUALITY_OF_SERVICE
    MaxMessageLength: SIZE_T
    MemoryBandwidth: SIZE_T
    MaxPoolUsage: SIZE_T
    MaxSectionSize: SIZE_T
    MaxViewSize: SIZE_T
    MaxTotalSectionSize: SIZE_T
    DupObjectTypes: ULONG


@struct
class ALPC_CONTEXT_ATTR(Record):
    """Which message is meant (14h / 20h bytes)."""

    PortContext: PVOID
    MessageContext: PVOID
    Sequence: ULONG
    MessageId: ULONG
    CallbackId: ULONG


@struct
class ALPC_DATA_VIEW_ATTR(Record):
    """A view of a port section (10h / 20h bytes)."""

    Flags: ULONG
    SectionHandle: HANDLE
    ViewBase: PVOID
    ViewSize: SIZE_T


@struct
class ALPC_SECURITY_ATTR(Record):
    """A security context (0Ch / 18h bytes); what QoS points to is the same in both widths."""

    Flags: ULONG
    QoS: PVOID
    ContextHandle: HANDLE
