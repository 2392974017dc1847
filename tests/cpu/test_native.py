"""The recorder's machine code: the constants are what their sources assemble to, and they do what they say."""

from __future__ import annotations

import struct

import keystone
import pytest
import unicorn
from unicorn import arm64_const, x86_const

from wowsim.cpu.native import CODE, ENTRY_SIZE, SOURCES, host_abi

X86 = (keystone.KS_ARCH_X86, keystone.KS_MODE_64)
ARM = (keystone.KS_ARCH_ARM64, keystone.KS_MODE_LITTLE_ENDIAN)
ARCHITECTURES = {"x86_64": X86, "win64": X86, "aarch64": ARM}


@pytest.mark.parametrize("abi", CODE)
def test_the_bytes_are_their_source(abi: str) -> None:
    code, _ = keystone.Ks(*ARCHITECTURES[abi]).asm(SOURCES[abi], 0, as_bytes=True)
    assert code == CODE[abi]


def test_this_host_is_known_or_falls_back() -> None:
    assert host_abi() in (None, *CODE)


_ARGUMENTS = {
    "x86_64": [x86_const.UC_X86_REG_RDI, x86_const.UC_X86_REG_RSI, x86_const.UC_X86_REG_RDX, x86_const.UC_X86_REG_RCX],
    "win64": [x86_const.UC_X86_REG_RCX, x86_const.UC_X86_REG_RDX, x86_const.UC_X86_REG_R8, x86_const.UC_X86_REG_R9],
    "aarch64": [arm64_const.UC_ARM64_REG_X0, arm64_const.UC_ARM64_REG_X1, arm64_const.UC_ARM64_REG_X2,
                arm64_const.UC_ARM64_REG_X3],
}  # fmt: skip
STATE, TABLE, RING, TEXT, SLOW, STACK = 0x10000, 0x20000, 0x30000, 0x40000, 0x41000, 0x51000


class Emulated:
    """One ABI's callback under the engine, with a table of two blocks and a ring of four ids."""

    def __init__(self, abi: str) -> None:
        self.abi = abi
        arm = abi == "aarch64"
        self.uc = unicorn.Uc(
            unicorn.UC_ARCH_ARM64 if arm else unicorn.UC_ARCH_X86,
            unicorn.UC_MODE_ARM if arm else unicorn.UC_MODE_64,
        )
        self.uc.mem_map(0x10000, 0x50000)
        self.uc.mem_write(TEXT, CODE[abi])
        self.uc.mem_write(STATE, struct.pack("<6Q", TABLE, 3, RING, RING + 16, 10, SLOW))
        for index, entry in ((1, (0x401, 5, 3, 7)), (2, (0x405, 6, 2, 8))):
            self.uc.mem_write(TABLE + index * ENTRY_SIZE, struct.pack("<QHHI", *entry))
        self.sp = arm64_const.UC_ARM64_REG_SP if arm else x86_const.UC_X86_REG_RSP
        self.pc = arm64_const.UC_ARM64_REG_PC if arm else x86_const.UC_X86_REG_RIP

    def call(self, address: int, size: int) -> bool:
        """Whether the fast path took it."""
        for register, value in zip(_ARGUMENTS[self.abi], (1, address, size, STATE), strict=True):
            self.uc.reg_write(register, value)
        back = 0x42000
        if self.abi == "aarch64":
            self.uc.reg_write(arm64_const.UC_ARM64_REG_X30, back)
        else:
            self.uc.mem_write(STACK, struct.pack("<Q", back))
        self.uc.reg_write(self.sp, STACK)
        self.uc.ctl_exits_enabled(True)
        self.uc.ctl_set_exits([back, SLOW])
        self.uc.emu_start(TEXT, 0)
        return bool(self.uc.reg_read(self.pc) == back)

    @property
    def state(self) -> tuple[int, int]:
        """Ids written and instructions left."""
        _, _, cursor, _, budget, _ = struct.unpack("<6Q", self.uc.mem_read(STATE, 48))
        return (cursor - RING) // 4, budget


@pytest.mark.parametrize("abi", CODE)
def test_what_the_callback_does(abi: str) -> None:
    machine = Emulated(abi)
    assert machine.call(0x401, 5)
    assert machine.state == (1, 7)
    assert machine.call(0x405, 6)  # one probe further: the slot of its hash is taken
    assert machine.state == (2, 5)
    assert struct.unpack("<2I", machine.uc.mem_read(RING, 8)) == (7, 8)
    assert not machine.call(0x402, 5)  # unknown
    assert not machine.call(0x401, 4)  # another size
    assert machine.call(0x401, 5)
    assert machine.state == (3, 2)
    assert not machine.call(0x401, 5)  # three instructions do not fit into two
    assert machine.state == (3, 2)
    assert machine.call(0x405, 6)
    assert machine.state == (4, 0)
    machine.uc.mem_write(STATE + 32, struct.pack("<Q", 100))
    assert not machine.call(0x401, 5)  # the ring is full
    assert machine.state == (4, 100)
