"""NTSTATUS to Win32 error: the table behind RtlNtStatusToDosError.

Stands for ntdll's table, published as "Mapping NT Status Error Codes to Win32 Error Codes" (Microsoft
KB113996). Holds the statuses of the file, memory, object, process, section, registry and loader services; its
rows were not compared with a Windows build one by one. Every other status gives ERROR_MR_MID_NOT_FOUND, as an
unlisted one does on Windows. Who may import it: the 32-bit system DLLs.
"""

from __future__ import annotations

ERROR_MR_MID_NOT_FOUND = 317

_STATUSES_OF = {
    1: "C0000002 C0000010 C000001C C00000AF",
    2: "C000000E C000000F C0000034",
    3: "C000003A C000009B",
    4: "C000011F",
    5: "C000001E C000001F C0000021 C0000022 C0000041 C000004B C0000056 C00000BA C00000DB C000010A C0000121"
    " C0000123",
    6: "C0000008 C0000024 C0000037 C0000042 C0000128 C0000235",
    8: "C0000017 C0000040",
    17: "C00000D4",
    18: "80000006",
    19: "C00000A2",
    21: "8000000F 80000010 C0000013 C00000A3",
    22: "C0000184",
    23: "C000003E C000003F C000009C",
    24: "C0000004",
    27: "C0000015",
    28: "8000000E",
    31: "C0000001",
    32: "C0000043",
    33: "C0000054 C0000055",
    34: "C0000012",
    38: "C0000011",
    50: "C00000BB",
    53: "C00000BE",
    64: "C00000C9",
    67: "C00000CC",
    87: "C0000003 C000000B C000000D C000001A C000001B C0000030 C0000038 C0000045 C0000048 C000004E C00000EF"
    " C00000F0 C00000F1 C00000F2 C00000F3 C00000F4 C00000F5 C00000F6 C00000F7 C00000F8 C00000F9 C00000FA",
    109: "C000014B",
    112: "C000007F",
    121: "C00000B5",
    122: "C0000023",
    123: "C0000033",
    126: "C0000135",
    127: "C000007A C0000139",
    145: "C0000101",
    158: "C000002A C000007E",
    161: "C0000039 C000003B",
    170: "80000011",
    182: "C0000138",
    183: "C0000035",
    193: "C0000020 C000007B C000012F C0000130 C0000131",
    203: "C0000100",
    206: "C0000106",
    230: "C00000AD C00000B4",
    231: "C00000AB C00000AC C00000AE",
    232: "C00000B1 C00000D9",
    233: "C00000B0",
    234: "00000105 80000005",
    254: "80000013",
    255: "80000014",
    259: "8000001A",
    267: "C0000103",
    288: "C0000046",
    298: "C0000047",
    299: "8000000D",
    487: "C0000018 C0000019 C000002C C000002D C000009F C00000A0",
    534: "C0000095",
    535: "C00000B2",
    536: "C00000B3",
    572: "C000013A",
    577: "C0000428",
    668: "C0000420",
    698: "40000000",
    700: "40000003",
    995: "C0000120",
    997: "00000103",
    998: "80000002 C0000005",
    999: "C0000006",
    1001: "C00000FD",
    1006: "C0000098 C000011E",
    1008: "C000007C",
    1018: "C000017C",
    1020: "C0000180",
    1021: "C0000181",
    1114: "C0000142",
    1117: "C0000185 C00000E9",
    1132: "C0000220",
    1168: "C0000225 C0000272",
    1224: "C0000243",
    1237: "C000022D",
    1260: "C0000364",
    1282: "C0000409",
    1288: "C0000417",
    1313: "C0000060",
    1314: "C0000061",
    1317: "C0000064",
    1336: "C0000077",
    1337: "C0000078",
    1338: "C0000079",
    1346: "C00000A5",
    1392: "C0000102",
    1393: "C0000032",
    1450: "C000009A",
    1455: "C000012D",
    1460: "00000102",
    1784: "C00000E8",
    1816: "C0000044",
    1921: "C0000280",
    4390: "C0000275",
}
_THEMSELVES = "80000001 80000003 80000004 C000001D C0000025 C0000026 C0000094 C0000096"

_ERROR_OF = {int(status, 16): error for error, line in _STATUSES_OF.items() for status in line.split()}
_ERROR_OF |= {int(status, 16): int(status, 16) for status in _THEMSELVES.split()}


def dos_error(status: int) -> int:
    """The Win32 error of an NTSTATUS.

    Zero and a status with the customer bit stay themselves; D-form codes count as their C-form, and of
    8007xxxx, C001xxxx and C007xxxx (NTSTATUS_FROM_WIN32, ntstatus.h) the low half is the error (these rules are
    unverified).
    """
    status &= 0xFFFFFFFF
    if status == 0 or status & 0x20000000:
        return status
    if status & 0xF0000000 == 0xD0000000:
        status &= ~0x10000000
    if status in _ERROR_OF:
        return _ERROR_OF[status]
    if status >> 16 in (0x8007, 0xC001, 0xC007):
        return status & 0xFFFF
    return ERROR_MR_MID_NOT_FOUND
