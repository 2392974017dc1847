"""PS_ATTRIBUTE_LIST: what NtCreateThreadEx can be asked for besides (phnt).

``{SIZE_T TotalLength; PS_ATTRIBUTE Attributes[]}``. Who may import it: everybody.
"""

from __future__ import annotations

import struct

PS_ATTRIBUTE: dict[int, struct.Struct] = {32: struct.Struct("<4I"), 64: struct.Struct("<4Q")}
"""Attribute, Size, Value or pointer, ReturnLength, by width."""
PS_ATTRIBUTE_CLIENT_ID, PS_ATTRIBUTE_TEB_ADDRESS = 0x10003, 0x10004
"""Of a new thread, they give something back: CLIENT_ID, the address of the TEB."""
MOST_ATTRIBUTES = 16
"""A longer list is refused; phnt knows about thirty attributes, most of them of processes."""
