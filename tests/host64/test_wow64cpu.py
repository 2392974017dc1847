"""The images of the 64-bit half: the build's bytes at the build's places."""

from __future__ import annotations

import struct

import pytest

from sampled import EVERY_WOW64, WOW64
from wowsim.image.model import Image, Provenance
from wowsim.nt.builds import Gate, Stub32, services
from wowsim.simulation.images import built_in

RVAS = {
    "X86SwitchTo64BitMode": 0x2320, "TurboThunkDispatch": 0x2450, "CpupReturnFromSimulatedCode": 0x271E,
    "TurboDispatchJumpAddressStart": 0x2745, "ServiceNoTurbo": 0x2749, "ThunkNone": 0x2782,
    "GetCurrentProcessorNumber": 0x2783, "QuerySystemTime": 0x27BE, "WaitForMultipleObjects": 0x27FC,
    "WaitForMultipleObjects32": 0x2803, "DeviceIoctlFile": 0x28D7, "ReadWriteFile": 0x2991,
    "RemoveIoCompletion": 0x2A42, "Thunk4ArgSpSpNSpNSpReloadState": 0x2AF4,
    "Thunk4ArgSpNSpNSpNSpReloadState": 0x2BBF, "Thunk3ArgSpNSpNSpReloadState": 0x2BC3,
    "Thunk0ArgReloadState": 0x2BCE, "Thunk2ArgNSpNSpReloadState": 0x2C8A, "Thunk4ArgNSpSpNSpNSp": 0x2D4D,
    "Thunk3ArgNSpSpNSp": 0x2D51, "Thunk2ArgNSpSp": 0x2D55, "Thunk4ArgSpSpSpNSp": 0x2D5E, "Thunk3ArgSpSpSp": 0x2D62,
    "Thunk2ArgSpSp": 0x2D66, "Thunk1ArgSp": 0x2D6A, "Thunk4ArgNSpNSpNSpNSp": 0x2D6F, "Thunk3ArgNSpNSpNSp": 0x2D73,
    "Thunk2ArgNSpNSp": 0x2D77, "Thunk1ArgNSp": 0x2D7B, "Thunk3ArgSpNSpSp": 0x2D80, "Thunk2ArgSpNSp": 0x2D84,
    "Thunk3ArgSpNSpNSp": 0x2D8D, "Thunk4ArgSpSpNSpNSp": 0x2D9A, "Thunk3ArgSpSpNSp": 0x2D9E,
    "Thunk4ArgSpNSpNSpNSp": 0x2DAB, "Thunk0Arg": 0x2DBA,
}  # fmt: skip
"""wow64-facts sections 3.5 and 4: every published RVA of Windows 7 SP1's wow64cpu."""

TABLE = [
    "ServiceNoTurbo", "Thunk0Arg", "Thunk0ArgReloadState", "Thunk1ArgSp", "Thunk1ArgNSp", "Thunk2ArgNSpNSp",
    "Thunk2ArgNSpNSpReloadState", "Thunk2ArgSpNSp", "Thunk2ArgSpSp", "Thunk2ArgNSpSp", "Thunk3ArgNSpNSpNSp",
    "Thunk3ArgSpSpSp", "Thunk3ArgSpNSpNSp", "Thunk3ArgSpNSpNSpReloadState", "Thunk3ArgSpSpNSp",
    "Thunk3ArgNSpSpNSp", "Thunk3ArgSpNSpSp", "Thunk4ArgNSpNSpNSpNSp", "Thunk4ArgSpSpNSpNSp",
    "Thunk4ArgSpSpNSpNSpReloadState", "Thunk4ArgSpNSpNSpNSp", "Thunk4ArgSpNSpNSpNSpReloadState",
    "Thunk4ArgNSpSpNSpNSp", "Thunk4ArgSpSpSpNSp", "QuerySystemTime", "GetCurrentProcessorNumber",
    "ReadWriteFile", "DeviceIoctlFile", "RemoveIoCompletion", "WaitForMultipleObjects",
    "WaitForMultipleObjects32",
]  # fmt: skip

BYTES = {
    "wow64cpu": {
        0x2320: "ea1e2785733300",
        0x271E: "67448b0424 458985bc000000 4189a5c8000000 498ba42480140000 4983a4248014000000 448bda 41ff24cf",
        0x2770: "ff150ae9ffff",
    },
    "wow64": {0xD18C: "41ffd4", 0x1C1F9: "ff154958feff"},
    "ntdll": {0x4E120: "4c8bd1 b852000000 0f05 c3"},
    "ntdll32": {0x200B0: "b852000000 33c9 8d542404 64ff15c0000000 83c404 c22c00"},
    "kernel32": {0x1167F: "ff25d4098575"},
    "KERNELBASE": {0x1C5C9: "8b35ac103377"},
}
"""The seed's listing (seed 002, rebased as wow64-facts section 0.1 says)."""


@pytest.fixture(scope="module")
def win7() -> dict[str, Image]:
    return built_in("win7sp1").images


def test_every_published_rva_of_wow64cpu(win7: dict[str, Image]) -> None:
    places = {name: rva for rva, name in win7["wow64cpu"].symbols.items()}
    assert {name: places.get(name) for name in RVAS} == RVAS


@pytest.mark.parametrize("build", WOW64)
def test_the_turbo_table_is_in_the_published_order(build: str) -> None:
    image = built_in(build).images["wow64cpu"]
    places = {name: image.base + rva for rva, name in image.symbols.items()}
    at = places["TurboThunkDispatch"] - image.base
    entries = struct.unpack_from("<32Q", image.contents, at)
    last = "ThunkNone" if WOW64[build].gate is Gate.SWITCH_TO_64 else "CpupReturnFromSimulatedCode"
    assert list(entries) == [places[name] for name in [*TABLE, last]]


@pytest.mark.parametrize(("module", "rva"), [(m, rva) for m, places in BYTES.items() for rva in places])
def test_the_seeds_bytes_at_the_seeds_places(win7: dict[str, Image], module: str, rva: int) -> None:
    expected = bytes.fromhex(BYTES[module][rva])
    image = win7[module]
    assert image.contents[rva : rva + len(expected)] == expected
    assert image.provenance_at(rva) is Provenance.BUILD


@pytest.mark.parametrize("build", WOW64)
def test_every_byte_of_code_says_where_it_is_from(build: str) -> None:
    for image in built_in(build).images.values():
        ends = 0
        for part in image.provenance:
            assert part.start >= ends, f"{image.name}: ranges overlap at {part.start:#x}"
            ends = part.end
        assert image.provenance, image.name


SHORT, LONG = "0f05 c3", "f604250803fe7f01 7503 0f05 c3 cd2e c3"
"""wow64-facts section 2: 1507 and earlier; 1511 and later."""


@pytest.mark.parametrize("build", EVERY_WOW64)
def test_every_service_has_its_64_bit_stub(build: str) -> None:
    ntdll = built_in(build).images["ntdll"]
    rest = bytes.fromhex(LONG if EVERY_WOW64[build].version >= (10, 0, 10586) else SHORT)
    for row in services(build):
        rva = ntdll.export_by_name[row.name].rva
        wanted = b"\x4c\x8b\xd1\xb8" + struct.pack("<I", row.number) + rest
        assert ntdll.contents[rva : rva + len(wanted)] == wanted
        assert ntdll.export_by_name["Zw" + row.name[2:]].rva == rva
        assert ntdll.symbols[rva] == row.name


@pytest.mark.parametrize("build", EVERY_WOW64)
def test_every_published_service_has_its_32_bit_stub(build: str) -> None:
    ntdll = built_in(build).images["ntdll32"]
    known = [row for row in services(build) if row.arguments is not None]
    assert len(known) > 290
    for row in known:
        rva = ntdll.export_by_name[row.name].rva
        assert ntdll.export_by_name["Zw" + row.name[2:]].rva == rva
        assert ntdll.symbols[rva] == "Zw" + row.name[2:]
        assert ntdll.contents[rva : rva + 5] == b"\xb8" + struct.pack("<I", row.eax)


SAVES = "67448b0424 458985bc000000"
SWITCH = "498ba42480140000 4983a4248014000000"
IN_ECX, IN_EAX = "41ff24cf", "8bc8 c1e910 41ff24cf"
GATES = {
    Stub32.FS_C0_POPPED: f"{SAVES} 83c404 4189a5c8000000 {SWITCH} 448bda {IN_ECX}",
    Stub32.FS_C0: f"{SAVES} 4189a5c8000000 {SWITCH} 448bda {IN_ECX}",
    Stub32.FS_C0_EAX: f"{SAVES} 83c404 4189a5c8000000 448d5c2404 {SWITCH} {IN_EAX}",
    Stub32.SYSTEM_SERVICE_CALL: "4987e6 458b06 4983c604 4589453c 45897548 4d8d5e04",
    Stub32.WOW64_TRANSITION: "4987e6 458b06 4983c604 4589453c 45897548 4d8d5e04",
}
"""wow64-facts sections 3.5 and 3.6; before 7 and in 8 with ``add esp, 4``."""


@pytest.mark.parametrize("build", EVERY_WOW64)
def test_the_gate_of_every_generation(build: str) -> None:
    image = built_in(build).images["wow64cpu"]
    places = {name: rva for rva, name in image.symbols.items()}
    wanted = bytes.fromhex(GATES[EVERY_WOW64[build].stub32])
    at = places["CpupReturnFromSimulatedCode"]
    assert image.contents[at : at + len(wanted)] == wanted
    far = image.contents[places.get("X86SwitchTo64BitMode", places.get("KiFastSystemCall", 0)) :][:7]
    ten = EVERY_WOW64[build].gate is Gate.KI_FAST_SYSTEM_CALL
    target = image.base + (places["KiFastSystemCall"] + 9 if ten else at)
    assert far == b"\xea" + struct.pack("<IH", target, 0x33)


def test_modules_lie_where_the_seed_loads_them(win7: dict[str, Image]) -> None:
    assert {name: (image.base, image.base + image.size) for name, image in win7.items()} == {
        "ntdll": (0x775F0000, 0x77798000),
        "ntdll32": (0x777D0000, 0x77950000),
        "wow64": (0x738C0000, 0x738FF000),
        "wow64win": (0x73860000, 0x738BC000),
        "wow64cpu": (0x73850000, 0x73858000),
        "kernel32": (0x75840000, 0x75950000),
        "KERNELBASE": (0x77330000, 0x77377000),
    }
