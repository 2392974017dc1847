"""Constants and structures of the registry services (winnt.h, wdm.h; information classes: phnt).

Records with a variable tail are plain dwords, the same in both widths; only what holds a pointer is declared here.
Who may import it: everybody.
"""

from __future__ import annotations

from wowsim.nt.abi import PVOID, ULONG, struct
from wowsim.nt.records import dataclass

# ---------------------------------------------------------------- types of values
REG_NONE, REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_DWORD_BIG_ENDIAN, REG_LINK, REG_MULTI_SZ = range(
    8
)
REG_QWORD = 11

# ---------------------------------------------------------------- access to keys
KEY_QUERY_VALUE, KEY_SET_VALUE, KEY_CREATE_SUB_KEY = 1, 2, 4
KEY_ENUMERATE_SUB_KEYS, KEY_NOTIFY, KEY_CREATE_LINK = 8, 0x10, 0x20
KEY_WOW64_64KEY, KEY_WOW64_32KEY = 0x100, 0x200
KEY_WOW64_VIEWS = KEY_WOW64_64KEY | KEY_WOW64_32KEY
KEY_READ, KEY_WRITE, KEY_ALL_ACCESS = 0x20019, 0x20006, 0xF003F

# ---------------------------------------------------------------- options and dispositions
REG_OPTION_VOLATILE, REG_OPTION_CREATE_LINK, REG_OPTION_BACKUP_RESTORE = 1, 2, 4
REG_OPTION_OPEN_LINK, REG_OPTION_DONT_VIRTUALIZE = 8, 0x10
REG_LEGAL_OPTION, REG_OPEN_LEGAL_OPTION = 0x1F, 0x1C
REG_CREATED_NEW_KEY, REG_OPENED_EXISTING_KEY = 1, 2


@struct
@dataclass(slots=True)
class KEY_VALUE_ENTRY:
    """One value that NtQueryMultipleValueKey is asked for: 10h / 18h bytes."""

    ValueName: PVOID
    DataLength: ULONG
    DataOffset: ULONG
    Type: ULONG
