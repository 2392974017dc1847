"""Cases that fail, and why: what the engine does otherwise and the core does not mend."""

from __future__ import annotations

_CAUSES = {
    "Unicorn checks no segment limit on data accesses": (
        "fs:[FFDh] crosses the limit",
        "fs:[1000h] lies beyond the limit",
        "a write to fs:[1000h] lies beyond the limit",
        "below an expand-down segment's limit",
    ),
    "Unicorn checks no segment type and no null selector on data accesses": (
        "a read through a null ds in 32-bit code",
        "a write through a null gs in 32-bit code",
        "a write through cs in 32-bit code",
        "a write through a read-only segment",
    ),
    "Unicorn adds the base of es in 64-bit code when a prefix names it": (
        "the base of es is ignored in 64-bit code",
    ),
    "Unicorn takes base and reserved bits of a 64-bit code segment seriously or not at all": (
        "base and limit of 33h are ignored",
        "L and D together are reserved",
    ),
    "Unicorn has Intel's far jump with REX.W whatever the vendor": ("jmp with REX.W takes m16:32 on AMD",),
    "Unicorn clears the base of a null selector whatever the vendor": (
        "a null selector keeps the base of gs on AMD",
    ),
    "Unicorn jumps first and faults at the target": (
        "jmp to an address that is not canonical",
        "call to an address that is not canonical pushes nothing",
        "ret to an address that is not canonical",
        "retfq to a RIP that is not canonical",
        "iretq to a RIP that is not canonical",
    ),
    "Unicorn checks an access page by page": ("an access that reaches into the hole",),
    "Unicorn checks no alignment of SSE operands": (
        "movaps from an address that is not aligned",
        "movaps to an address that is not aligned",
        "movaps to a stack that is not aligned",
        "addps with a memory operand that is not aligned",
        "movdqa from an address that is not aligned",
    ),
    "Unicorn has no alignment check (AC flag)": ("with AC set an unaligned access is an alignment check",),
    "Unicorn decodes any opcode behind a VEX prefix": ("lds eax, [rbx] in 64-bit code",),
    "Unicorn ignores LOCK where it is not allowed": (
        "lock mov eax, [ebx] in 32-bit code",
        "lock mov eax, [ebx] in 64-bit code",
        "lock bt [ebx], eax in 32-bit code",
        "lock bt [ebx], eax in 64-bit code",
    ),
}
KNOWN = {name: cause for cause, names in _CAUSES.items() for name in names}
"""Name of the case -> cause."""
