"""PS_ATTRIBUTE_LIST and PS_CREATE_INFO: what NtCreateThreadEx and NtCreateUserProcess can be asked for (phnt).

``{SIZE_T TotalLength; PS_ATTRIBUTE Attributes[]}``. Who may import it: everybody.
"""

from __future__ import annotations

import struct

PS_ATTRIBUTE: dict[int, struct.Struct] = {32: struct.Struct("<4I"), 64: struct.Struct("<4Q")}
"""Attribute, Size, Value or pointer, ReturnLength, by width."""
PS_ATTRIBUTE_CLIENT_ID, PS_ATTRIBUTE_TEB_ADDRESS = 0x10003, 0x10004
"""Of a new thread, they give something back: CLIENT_ID, the address of the TEB."""
PS_ATTRIBUTE_IMAGE_NAME, PS_ATTRIBUTE_IMAGE_INFO = 0x20005, 0x6
PS_ATTRIBUTE_STD_HANDLE_INFO, PS_ATTRIBUTE_HANDLE_LIST = 0x2000A, 0x2000B
PROCESS_ATTRIBUTES = {
    0x60000: "PARENT_PROCESS", 0x60001: "DEBUG_OBJECT", 0x60002: "TOKEN", PS_ATTRIBUTE_CLIENT_ID: "CLIENT_ID",
    PS_ATTRIBUTE_TEB_ADDRESS: "TEB_ADDRESS", PS_ATTRIBUTE_IMAGE_NAME: "IMAGE_NAME",
    PS_ATTRIBUTE_IMAGE_INFO: "IMAGE_INFO", 0x20007: "MEMORY_RESERVE", 0x20008: "PRIORITY_CLASS",
    0x20009: "ERROR_MODE", PS_ATTRIBUTE_STD_HANDLE_INFO: "STD_HANDLE_INFO",
    PS_ATTRIBUTE_HANDLE_LIST: "HANDLE_LIST", 0x2000C: "GROUP_AFFINITY", 0x2000D: "PREFERRED_NODE",
    0x2000E: "IDEAL_PROCESSOR", 0x2000F: "UMS_THREAD", 0x20010: "MITIGATION_OPTIONS", 0x60011: "PROTECTION_LEVEL",
    0x20012: "SECURE_PROCESS", 0x20013: "JOB_LIST", 0x20014: "CHILD_PROCESS_POLICY",
    0x20015: "ALL_APPLICATION_PACKAGES_POLICY", 0x20016: "WIN32K_FILTER",
}  # fmt: skip
"""Those of a new process."""
CHANGES_NOTHING = frozenset({0x20008, 0x20009, 0x2000D, 0x2000E, 0x20010, 0x20014, 0x20015})
"""Priorities, error mode, processors, mitigations and policies: of a child here they would change nothing."""
MOST_ATTRIBUTES = 32
"""A longer list is refused; phnt knows about thirty attributes, most of them of processes."""

PS_CREATE_FAIL_ON_FILE_OPEN, PS_CREATE_FAIL_EXE_FORMAT, PS_CREATE_SUCCESS = 1, 3, 6
"""PS_CREATE_STATE."""
PS_CREATE_INFO_SIZE = {32: 0x48, 64: 0x58}
PS_CREATE_STATE_AT, PS_CREATE_UNION_AT = {32: 4, 64: 8}, {32: 8, 64: 16}
PS_SUCCESS_STATE: dict[int, struct.Struct] = {
    32: struct.Struct("<3I4xQIIQI4xQI4x"), 64: struct.Struct("<I4xQQQIIQI4xQI4x")
}  # fmt: skip
"""OutputFlags, FileHandle, SectionHandle, UserProcessParametersNative, -Wow64, CurrentParameterFlags,
PebAddressNative, -Wow64, ManifestAddress, ManifestSize."""
