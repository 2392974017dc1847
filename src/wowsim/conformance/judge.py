"""Runs cases on the machine and says what differs.

Who may import it: the command line and the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.conformance.case import FLAGS, PRIVILEGED
from wowsim.conformance.known import KNOWN
from wowsim.simulation.bench import Bench, Pages, Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wowsim.conformance.case import Case, Region

_KEPT = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)),
         "cs", "ds", "es", "ss", "fs", "gs", "fs_base", "gs_base")  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What came out of a case.

    Attributes:
        case: which.
        reason: what differs, one line; empty when nothing does.
    """

    case: Case
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the case came out as its source says."""
        return not self.reason

    @property
    def is_known(self) -> bool:
        """Whether it fails for a cause that is listed."""
        return not self.passed and self.case.name in KNOWN

    @property
    def text(self) -> str:
        """The reason with the cause, where that is listed."""
        return f"known: {KNOWN[self.case.name]} ({self.reason})" if self.is_known else self.reason


def run(cases: Iterable[Case], build: str, cpu_vendor: str) -> Iterator[Verdict]:
    """Run cases in order, on one machine of each kind that they need.

    Args:
        cases: what to run.
        build: the Windows of cases that do not name one.
        cpu_vendor: the CPU of cases that do not name one.
    """
    benches: dict[tuple[str, str], Bench] = {}
    try:
        for case in cases:
            kind = case.machine.get("build", build), case.machine.get("cpu_vendor", cpu_vendor)
            if kind not in benches:
                benches[kind] = Bench(*kind)
            yield Verdict(case, judge(case, sighting(case, benches[kind])))
    finally:
        for bench in benches.values():
            bench.close()


def sighting(case: Case, bench: Bench) -> Sighting:
    """Run one case."""
    pages = [Pages(r.address, r.bytes, r.protection) for r in case.regions]
    return bench.run(case.registers, pages, case.descriptors)


def judge(case: Case, seen: Sighting) -> str:
    """What differs from the expectation, one line; empty when nothing does."""
    found = [*_exception(case, seen), *_registers(case, seen.registers)]
    for region, memory in zip(case.regions, seen.memory, strict=True):
        found += _memory(case, region, memory)
    return "; ".join(found)


def _exception(case: Case, seen: Sighting) -> Iterator[str]:
    record, wanted = seen.record, case.raised
    if record is None:
        yield f"no exception, but {seen.detail}"
        return
    if wanted is None:
        wanted = PRIVILEGED  # the hlt behind the code
    got = (record.code, record.address, tuple(record.parameters))
    if got != (wanted.status, case.address, wanted.parameters):
        yield f"{_text(*got)} instead of {_text(wanted.status, case.address, wanted.parameters)}"
    if seen.vector != wanted.vector:
        yield f"vector {seen.vector} instead of {wanted.vector}"
    elif wanted.error is not None and seen.error != wanted.error:
        yield f"error code {seen.error:X} instead of {wanted.error:X}"


def _text(status: int, address: int, parameters: tuple[int, ...]) -> str:
    listed = ", ".join(f"{value:X}" for value in parameters)
    return f"{status:08X} at {address:X}" + (f" ({listed})" if listed else "")


def _registers(case: Case, registers: Mapping[str, int]) -> Iterator[str]:
    wanted = {name: case.registers[name] for name in _KEPT} | case.expected
    for name, value in wanted.items():
        if value is None:
            continue
        bit = FLAGS.get(name)
        got = registers[name] if bit is None else registers["rflags"] >> bit & 1
        if got != value:
            yield f"{name} {got:X} instead of {value:X}"


def _memory(case: Case, region: Region, memory: bytes | None) -> Iterator[str]:
    if memory is None:
        if region.contents:
            yield f"memory at {region.address:X} is gone"
        return
    wanted = bytearray(region.bytes)
    for address, data in case.written.items():
        if region.address <= address < region.address + region.size:
            at = address - region.address
            wanted[at : at + len(data)] = data
    if memory == wanted:
        return
    differing = [i for i in range(region.size) if memory[i] != wanted[i]]
    first, end = differing[0], min(differing[-1], differing[0] + 15) + 1
    yield f"memory at {region.address + first:X} {memory[first:end].hex()} instead of {wanted[first:end].hex()}"
