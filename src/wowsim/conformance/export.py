"""Cases as JSON that another emulator can read: numbers as ``0x`` texts, bytes as hex, the rules beside them.

Who may import it: the command line and the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.conformance import case as notation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wowsim.conformance.case import Case, Region


def document(cases: Iterable[Case]) -> dict[str, Any]:
    """All of them, with the rules that hold for each."""
    rules = (notation.__doc__ or "").partition("The rules every case follows:")[2]
    return {
        "rules": " ".join(rules.replace("`", "").split()),
        "flags": notation.FLAGS,
        "cases": [row(case) for case in cases],
    }


def row(case: Case) -> dict[str, Any]:
    """One case."""
    raised = case.raised
    exception = None if raised is None else {
        "vector": raised.vector,
        "error": _number(raised.error),
        "status": f"0x{raised.status:08x}",
        "address": hex(case.address),
        "parameters": [hex(value) for value in raised.parameters],
    }  # fmt: skip
    return {
        "name": case.name,
        "group": case.group,
        "bits": case.bits,
        "origin": hex(case.origin),
        "code": case.code.hex(),
        "instructions": [{"code": code.hex(), "text": text} for code, text in case.instructions],
        "machine": case.machine,
        "registers": {name: hex(value) for name, value in case.registers.items()},
        "memory": [_region(region) for region in case.regions],
        "descriptors": {hex(selector): f"0x{value:016x}" for selector, value in case.descriptors.items()},
        "expected": {
            "registers": {name: _number(value) for name, value in case.expected.items()},
            "memory": {hex(address): data.hex() for address, data in case.written.items()},
            "exception": exception,
        },
        "source": case.source,
        "unverified": case.unverified,
    }


def _region(region: Region) -> dict[str, Any]:
    return {
        "address": hex(region.address),
        "size": region.size,
        "protection": region.protection,
        "contents": region.contents.hex(),
        "fill": region.fill,
    }


def _number(value: int | None) -> str | None:
    return None if value is None else hex(value)
