"""Why the two sides may differ: the one table of all differences that are no faults of wowsim's thunks.

Each entry says what Wine does otherwise than Windows, as far as that is known, or what wowsim leaves out. A difference
whose every aspect is covered by an entry counts as explained; any other one fails the test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from differential_run import Difference

NOT_IMPLEMENTED, INVALID_CLASS, INVALID_PARAMETER, MISMATCH = 0xC0000002, 0xC0000003, 0xC000000D, 0xC0000004
ACCESS_VIOLATION = 0xC0000005
TURBO = "no turbo"

EXEMPT = {
    "NtCallbackReturn": "returns to the kernel's caller of a callback, of which there is none",
    "NtContinue": "does not return: it goes on somewhere else",
    "NtContinueEx": "does not return",
    "NtRaiseException": "does not return: the exception is dispatched in the process",
    "NtTerminateProcess": "wow64.dll ends the simulated CPU before it asks the kernel, and the process does not go on",
    "NtTerminateThread": "wow64.dll ends the thread's simulated CPU first, and the thread does not go on",
}
"""Services that are not compared."""


LEFT_OUT = {
    "names of processes that are no multiple of 8 bytes long": "the next SYSTEM_PROCESS_INFORMATION then begins"
    " at an odd place with Wine, and at a multiple of 8, which its 64-bit members want, with wowsim",
    "failures of NtRemoveIoCompletionEx": "Wine gives back as many packets as the failing call has not said",
}
"""What is not generated."""


@dataclass(frozen=True, eq=False)
class Reason:
    """An entry of the table.

    Attributes:
        text: why.
        services: which it is about; all where empty.
        aspects: which aspects it covers; all where empty.
        when: looks at the difference.
        roots: beginnings of the names of roots; all where empty.
    """

    text: str
    services: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    when: Callable[[Difference], bool] = field(default=lambda difference: True)
    roots: tuple[str, ...] = ("wine",)

    def covers(self, aspect: str) -> bool:
        """Whether it is about an aspect."""
        return not self.aspects or aspect in self.aspects

    def explains(self, difference: Difference) -> bool:
        """Whether it explains an aspect of the difference."""
        if self.services and difference.case.service not in self.services:
            return False
        if not any(difference.root.startswith(root) for root in self.roots):
            return False
        return any(self.covers(aspect) for aspect in difference.aspects) and self.when(difference)


def _no_call(*statuses: int) -> Callable[[Difference], bool]:
    """Their wow64.dll refuses by itself."""
    return lambda d: not d.theirs.seen and d.theirs.status in statuses


def _ours_refuses(d: Difference) -> bool:
    return "is not implemented" in d.ours.failed


def _in_class(*numbers: int) -> Callable[[Difference], bool]:
    return lambda d: d.case.group in {f"class {n}" for n in numbers}


def _bytes(d: Difference) -> Iterator[tuple[int, int, int, int]]:
    """Offset, byte before, ours and theirs wherever the two are not the same afterwards."""
    rows = zip(d.case.memory, d.ours.memory, d.theirs.memory, strict=True)
    return ((at, *row) for at, row in enumerate(rows) if row[1] != row[2])


def _padding(d: Difference) -> bool:
    """Theirs is as it was, ours zero."""
    return all(not ours and theirs == before for _, before, ours, theirs in _bytes(d))


def _zeros(d: Difference) -> bool:
    return all(not theirs for _, _, _, theirs in _bytes(d))


def _null_modules(d: Difference) -> bool:
    """Wine passes NULL where there is no room for one module, whatever the list's length."""
    return _in_class(11)(d) and d.case.slots[2] < 8 + 0x11C


def _left_alone(d: Difference) -> bool:
    return all(theirs == before for _, before, _, theirs in _bytes(d))


def _cleared(d: Difference) -> bool:
    """On either side something is zero that is as it was on the other."""
    return all({ours, theirs} == {before, 0} for _, before, ours, theirs in _bytes(d))


def _length_only(d: Difference) -> bool:
    """The returned length, which is the last argument."""
    at = d.case.slots[-1] - d.case.base
    return all(at <= each < at + 4 for each, *_ in _bytes(d))


_KEYS = (
    "NtCreateKey", "NtCreateKeyTransacted", "NtOpenKey", "NtOpenKeyEx", "NtOpenKeyTransacted", "NtOpenKeyTransactedEx",
)  # fmt: skip
_FILES = ("NtCreateFile", "NtOpenFile", "NtDeleteFile", "NtQueryAttributesFile", "NtQueryFullAttributesFile")
_CLASSES = (
    "NtQueryInformationJobObject", "NtQueryInformationProcess", "NtQueryInformationThread", "NtQueryInformationToken",
    "NtQueryObject", "NtQuerySection", "NtQuerySystemInformation", "NtQueryVirtualMemory", "NtSetInformationFile",
    "NtSetInformationJobObject", "NtSetInformationObject", "NtSetInformationProcess", "NtSetInformationThread",
    "NtSetInformationToken", "NtSetInformationVirtualMemory", "NtPowerInformation",
)  # fmt: skip
_UNCONVERTED = (
    "NtAcceptConnectPort", "NtConnectPort", "NtCreateUserProcess", "NtListenPort", "NtReplyWaitReceivePort",
    "NtRequestWaitReplyPort", "NtSecureConnectPort",
)  # fmt: skip


def _places_for_null(d: Difference) -> bool:
    return all(
        theirs in ("a place", True) and not ours
        for aspect, (ours, theirs) in d.aspects.items()
        if aspect in _PLACES
    )


_PLACES = tuple(
    f"argument {name}"
    for name in (
        "target_handle", "return_length", "number_of_bytes_read", "number_of_bytes_written", "key_context",
        "apc_context", "memory_reserve_handle", "thread_information", "object_information",
    )
)  # fmt: skip


def _same_but_for_case(d: Difference) -> bool:
    ours, theirs = d.aspects["argument object_attributes"]
    return str(ours).lower() == str(theirs).lower()


_QUERIES = (
    "NtQueryInformationProcess", "NtQueryInformationThread", "NtQueryInformationJobObject", "NtQueryVirtualMemory",
    "NtQueryInformationToken", "NtQuerySystemInformation", "NtQuerySystemInformationEx", "NtQuerySection",
    "NtQueryObject",
)  # fmt: skip
_SETTINGS = (
    "NtSetInformationFile", "NtSetInformationJobObject", "NtSetInformationProcess", "NtSetInformationThread",
    "NtSetInformationToken",
)  # fmt: skip
_NULLS = (
    *_FILES, "NtCreateToken", "NtCreateUserProcess", "NtQuerySystemInformationEx", "NtRemoveIoCompletion",
    "NtFilterToken",
)  # fmt: skip


def _has_null(d: Difference) -> bool:
    """An argument, or the name in the OBJECT_ATTRIBUTES."""
    if 0 in d.case.slots:
        return True
    names = [seen.arguments.get("object_attributes") for seen in d.ours.seen]
    return any(isinstance(name, dict) and not name["ObjectName"] for name in names)


def _cut_name(d: Difference) -> bool:
    """The caller's buffer ends inside the name."""
    at, length = d.case.slots[2] - d.case.base, d.case.slots[3]
    return int.from_bytes(d.case.memory[at + 8 : at + 12], "little") > length - 12


def _renamed(d: Difference) -> bool:
    """The names are one but for Wine's spelling, or lie below SystemRoot."""
    ours, theirs = (
        pair[3].decode("utf-16-le", "replace").lower() for pair in d.aspects["argument file_information"]
    )
    return bool(ours == theirs or ours.startswith("\\systemroot"))


def _same_low_halves(d: Difference) -> bool:
    ours, theirs = d.aspects["argument extended_parameters"]
    return len(ours) == len(theirs) and all(
        one[0] == other[0] and (one[1] == other[1] or not (one[1] - other[1]) & 0xFFFFFFFF)
        for one, other in zip(ours, theirs, strict=True)
        if isinstance(one[1], int) or one != other
    )


REASONS = (
    # ------------------------------------------------------------ wowsim
    Reason(
        "wowsim has no conversion of this structure yet and refuses the service by name",
        _UNCONVERTED, when=_ours_refuses,
    ),
    Reason(
        "turbo thunks pass this thread id zero-extended (its index is that of Thunk1ArgNSp); ids are positive",
        ("NtAlertThreadByThreadId",), ("argument thread_id",), roots=("wine", TURBO),
    ),
    Reason(
        "the turbo thunk answers without a call of the kernel; wow64.dll's thunk asks it",
        ("NtQuerySystemTime", "NtGetCurrentProcessorNumber"), roots=("wine", TURBO),
    ),
    Reason(
        "the turbo thunk finds out about a bad pointer when it writes, wow64.dll's thunk before the call",
        ("NtRemoveIoCompletion",), when=lambda d: d.case.group == "wild", roots=("wine", TURBO),
    ),
    # ------------------------------------------------------------ Wine in general
    Reason("Wine's wow64.dll has no conversion: STATUS_NOT_IMPLEMENTED without a call", when=_no_call(NOT_IMPLEMENTED)),
    Reason(
        "Wine's wow64.dll has no case for this class and refuses it without a call",
        _CLASSES, when=_no_call(INVALID_CLASS, INVALID_PARAMETER, NOT_IMPLEMENTED, 0xC00000F1),
    ),
    Reason(
        "which outputs are zero already when another argument proves to be bad depends on a thunk's order; Windows' is"
        " unknown",
        aspects=("memory",), when=lambda d: d.ours.status == d.theirs.status == ACCESS_VIOLATION and _cleared(d),
    ),
    Reason(
        "Wine gives results back after STATUS_SUCCESS only, wowsim after other successes and warnings, too",
        aspects=("memory",), when=lambda d: d.ours.status in (0x40000000, 0x80000005, 0x8000001A) and _left_alone(d),
    ),
    Reason("Wine always has a cell of its own for this output, also when the caller's pointer is NULL",
           aspects=_PLACES, when=_places_for_null),
    # ------------------------------------------------------------ single services
    Reason(
        "Wine redirects registry views in its server, wowsim in wow64.dll (wow64-facts section 11): name and flags of"
        " the view go down otherwise",
        _KEYS, ("argument desired_access", "argument object_attributes"),
    ),
    Reason(
        "both view flags at once are refused in wow64.dll; Wine passes them on to its server",
        _KEYS, when=lambda d: d.case.slots[1] & 0x300 == 0x300 and d.ours.status == INVALID_PARAMETER,
    ),
    Reason("Wine writes syswow64 and system32 in lower case where it redirects",
           _FILES, ("argument object_attributes",), _same_but_for_case),
    Reason("Wine limits addresses to 31 bits where Windows' no-access VADs do (wow64-facts section 6)",
           ("NtAllocateVirtualMemory", "NtMapViewOfSection", "NtCreateThreadEx"), ("argument zero_bits",)),
    Reason("Wine limits addresses to 31 bits, with a parameter of its own where the caller has none",
           ("NtAllocateVirtualMemoryEx", "NtMapViewOfSectionEx"),
           ("argument extended_parameters", "argument extended_parameter_count"),
           when=lambda d: d.aspects["argument extended_parameters"][0] == "none"),
    Reason("Wine 8 and 10 take a boolean wait_any, which they cut to a byte, for WAIT_TYPE",
           ("NtWaitForMultipleObjects",), ("argument wait_type",)),
    Reason("Wine converts only the first of the OBJECT_ATTRIBUTES", ("NtNotifyChangeMultipleKeys",),
           ("argument subordinate_objects",)),
    Reason("Wine takes the handle id, which is a pointer, for a handle and extends its sign",
           ("NtAccessCheckAndAuditAlarm",), ("argument handle_id",)),
    Reason("Wine's last parameter is an IO_STATUS_BLOCK, and the root handle is not given back; phnt: reserved",
           ("NtLoadKeyEx",), ("argument reserved", "memory")),
    Reason("Wine passes the caller's 32-bit IO_STATUS_BLOCK to the 64-bit service", ("NtFlushVirtualMemory",),
           ("memory",)),
    Reason("Wine 8's has no status", ("NtFlushProcessWriteBuffers",), ("status",), roots=("wine-8",)),
    Reason("Wine answers STATUS_SUCCESS without a call", ("NtCreateLowBoxToken", "NtQueryMultipleValueKey"),
           when=lambda d: not d.theirs.seen and d.theirs.status == 0),
    Reason("no debug event ever comes in wowsim, so that nothing is converted", ("NtWaitForDebugEvent",),
           ("argument wait_state_change", "memory", "status")),
    Reason("Wine passes no place for an attribute's length on", ("NtCreateThreadEx",), ("argument attribute_list",)),
    Reason("Wine looks at this without a look whether its pointer is NULL", _NULLS,
           when=lambda d: not d.theirs.seen and d.theirs.status == ACCESS_VIOLATION and _has_null(d)),
    Reason("Wine has cells of its own for all outputs, so that the kernel sees no NULL", ("NtRemoveIoCompletion",),
           when=lambda d: 0 in d.case.slots and d.ours.status == ACCESS_VIOLATION),
    Reason("Wine does not redirect names below \\SystemRoot", _FILES, ("argument object_attributes",),
           when=lambda d: "SystemRoot" in str(d.aspects["argument object_attributes"][0])),
    Reason("Wine asks first what the process is, and the handle is of none", ("NtCreateThreadEx",),
           when=lambda d: not d.theirs.seen and "NtQueryInformationProcess" in d.theirs.others),
    Reason("Wine gives outputs of attributes back also after a failure, when nothing was written",
           ("NtCreateThreadEx",), ("memory",), when=lambda d: d.ours.status not in (0, 0x40000000)),
    Reason("Wine 8 does not convert MEM_ADDRESS_REQUIREMENTS", ("NtMapViewOfSectionEx",),
           ("argument extended_parameters",), roots=("wine-8",)),
    Reason("Wine 10 copies 32 bits of each parameter's value", ("NtMapViewOfSectionEx", "NtAllocateVirtualMemoryEx"),
           ("argument extended_parameters",), _same_low_halves, roots=("wine-10",)),
    Reason("Wine 10 adds MEM_RESERVE where a parameter asks for it", ("NtAllocateVirtualMemoryEx",),
           ("argument allocation_type",), roots=("wine-10",)),
    Reason("Wine tells no length of an empty list, wowsim that of the empty entry", ("NtQueryDirectoryObject",),
           ("memory",), when=lambda d: d.ours.status == 0x8000001A and _length_only(d)),
    Reason("Wine 8 gives one entry of a list", ("NtQueryDirectoryObject",), ("memory",), roots=("wine-8",)),
    Reason("the data are looked at in wow64.dll, where a bad pointer fails like in the kernel", ("NtSetValueKey",),
           when=lambda d: d.ours.status == ACCESS_VIOLATION and not d.ours.seen),
    # ------------------------------------------------------------ information classes
    Reason("a class or parameter that Wine's wow64.dll refuses by its number", ("NtSetInformationVirtualMemory",),
           when=_no_call(0xC00000F0, 0xC00000F1)),
    Reason("padding behind or in the structure, which Wine leaves as it is and wowsim makes zero",
           ("NtQueryInformationJobObject",), ("memory",), when=lambda d: _in_class(2, 9)(d) and _padding(d)),
    Reason("padding behind the structure", ("NtQueryInformationProcess",), ("memory",), when=_padding,
           roots=("wine-10",)),
    Reason("padding behind the structure", ("NtQuerySystemInformation",), ("memory",), when=_padding),
    Reason("padding behind the last name", ("NtQueryObject",), ("memory",), when=_padding),
    Reason("Wine has zeros for reserved fields", ("NtQueryInformationThread", "NtSetInformationThread"),
           ("memory", "argument thread_information"), when=lambda d: _in_class(30)(d) and _zeros(d)),
    Reason("Wine passes no more than the structure where the caller says more", _SETTINGS,
           ("argument length", "argument token_information_length"),
           when=lambda d: any(ours > theirs for a, (ours, theirs) in d.aspects.items() if "length" in a)),
    Reason("Wine looks the 32-bit TEB up by itself; the kernel's answer is random here", ("NtQueryInformationThread",),
           ("memory",), when=_in_class(0)),
    Reason("Wine takes buffers of other lengths than the structure's", ("NtQueryInformationThread",),
           ("memory", "status"), when=lambda d: d.ours.status == MISMATCH),
    Reason("whether a length is told together with a failure, and which, differs", _QUERIES, ("memory",),
           when=lambda d: (d.ours.status or 0) >= 0xC0000000 and _length_only(d)),
    Reason("Wine finds out about a bad place for the returned length when the call is over",
           (*_QUERIES, "NtQueryDirectoryObject"),
           when=lambda d: d.case.group == "wild" and d.ours.status == ACCESS_VIOLATION and not d.ours.seen),
    Reason("Wine does not look at the length for a linked token", ("NtQueryInformationToken",),
           ("memory", "status"), when=_in_class(19)),
    Reason("Wine begins to write into a buffer that is too short", ("NtQueryObject",), ("memory",),
           when=lambda d: _in_class(3)(d) and (d.ours.status or 0) >= 0xC0000000),
    Reason("Wine answers STATUS_SUCCESS without a call", ("NtSetInformationJobObject",),
           when=lambda d: _in_class(4)(d) and not d.theirs.seen and d.theirs.status == 0),
    Reason("Wine passes NULL where there is no room for one module", ("NtQuerySystemInformation",),
           ("argument system_information", "status", "memory"), when=_null_modules),
    Reason("two things are wrong with this call, of which one is told", (*_QUERIES, "NtRemoveIoCompletion"),
           when=lambda d: (d.ours.status or 0) >= 0xC0000000 and not d.theirs.seen),
    Reason("Wine looks at lengths before the call, where it wants more or less than wowsim's structures",
           (*_QUERIES, *_SETTINGS), when=_no_call(MISMATCH)),
    Reason("Wine asks for the 32-bit PEB with a second call (class 26), which the recorder answers at random",
           ("NtQueryInformationProcess",), ("calls", "memory"),
           when=lambda d: d.case.group == "class 0" and len(d.theirs.seen) == 2),
    Reason("Wine has zeros for the kernel's addresses of modules", ("NtQuerySystemInformation",), ("memory",),
           when=lambda d: _in_class(11)(d) and _zeros(d)),
    Reason("wowsim's kernel refuses this class by name, so that its thunk leaves the buffer alone",
           ("NtQuerySystemInformation",), when=_in_class(77)),
    Reason("Wine asks for the size first", ("NtQueryInformationToken", "NtQuerySystemInformationEx"),
           ("calls", "memory"), when=lambda d: len(d.theirs.seen) == 2),
    Reason("Wine copies a name as long as it is said to be, wherever the buffer ends", ("NtSetInformationFile",),
           ("argument file_information", "argument length"),
           when=lambda d: d.case.group != "class 30" and _cut_name(d)),
    Reason("Wine redirects other names, and writes them in lower case, as for the services that open files",
           ("NtSetInformationFile",), ("argument file_information",), when=_renamed),
    Reason("Wine passes NULL for a buffer that is too short anyway",
           ("NtQueryInformationToken", "NtQuerySystemInformation", "NtQuerySystemInformationEx"),
           ("argument token_information", "argument system_information"),
           when=lambda d: (d.ours.status or 0) >= 0xC0000000),
    Reason("Wine converts one class only", ("NtQuerySystemInformationEx",), when=lambda d: not d.theirs.seen),
    Reason("MEMORY_REGION_INFORMATION of Wine is that of later builds, with a NodePreference",
           ("NtQueryVirtualMemory",), when=_in_class(3)),
    Reason("Wine widens a list whose length is odd, too", ("NtQueryVirtualMemory",),
           ("argument memory_information", "argument memory_information_length"),
           when=_in_class(4)),
)  # fmt: skip
"""The table."""
