"""Traces as JSON lines: a header, then one object per service call and per change of the guest's memory.

Keys stand in a fixed order, numbers are integers, bytes hexadecimal strings; nothing depends on the host or on the
time, so two runs with the same seed give the same bytes. Everybody may import it.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any

from wowsim.trace.events import Call, FastFailed, MemoryChanged, Redirected, UnsupportedCalled, timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wowsim.trace.events import Event


def lines(
    calls: Iterable[Call],
    events: Iterable[Event] = (),
    *,
    build: str,
    seed: int,
    program: str,
    version: str,
) -> Iterator[str]:
    """The header, the calls, and behind each call what it changed.

    Args:
        calls: in order.
        events: in order; those of memory, redirections, refusals and fast fails are written.
        build: name of the Windows build.
        seed: the simulation's seed.
        program: the program's file name, without the host's directories.
        version: wowsim's version.
    """
    yield _line({"type": "header", "build": build, "seed": seed, "program": program, "wowsim": version})
    for item in timeline(calls, events):
        if isinstance(item, MemoryChanged):
            yield _line(memory_row(item))
        elif isinstance(item, FastFailed):
            yield _line(fast_fail_row(item))
        elif isinstance(item, UnsupportedCalled):
            yield _line(unsupported_row(item))
        elif isinstance(item, Redirected):
            yield _line(redirection_row(item))
        elif isinstance(item, Call):
            yield _line(call_row(item))


def call_row(call: Call) -> dict[str, Any]:
    """One call as plain values; its steps are left out."""
    return {
        "type": "call",
        "index": call.index,
        "thread": call.thread,
        "instructions": call.instructions,
        "name": call.name,
        "number": call.number,
        "status": call.status,
        "arguments": {name: plain(value) for name, value in call.arguments.items()},
        "path": list(call.path),
        "stack": list(call.stack),
    }


def memory_row(event: MemoryChanged) -> dict[str, Any]:
    """One change of the guest's memory as plain values."""
    return {
        "type": "memory",
        "thread": event.thread,
        "instructions": event.instructions,
        "kind": event.kind,
        "start": event.start,
        "size": event.size,
        "protection": event.protection,
        "cause": event.cause,
        "name": event.name,
    }


def fast_fail_row(event: FastFailed) -> dict[str, Any]:
    """A fast fail as plain values."""
    return {
        "type": "fast_fail",
        "thread": event.thread,
        "instructions": event.instructions,
        "address": event.address,
        "code": event.code,
        "name": event.name,
        "bits": event.bits,
        "registers": dict(event.registers),
    }


def unsupported_row(event: UnsupportedCalled) -> dict[str, Any]:
    """A call of what wowsim lacks as plain values."""
    return {
        "type": "unsupported",
        "thread": event.thread,
        "instructions": event.instructions,
        "name": event.name,
        "detail": event.detail,
        "path": list(event.path),
        "status": event.status,
    }


def redirection_row(event: Redirected) -> dict[str, Any]:
    """A redirection of wow64.dll's as plain values."""
    return {
        "type": "redirection",
        "thread": event.thread,
        "instructions": event.instructions,
        "kind": event.kind,
        "name": event.name,
        "target": event.target,
    }


def plain(value: Any) -> Any:
    """What JSON can say: bytes as hexadecimal digits, enums by name, sets sorted.

    Raises:
        TypeError: a value of another kind, which is a mistake in the trace.
    """
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    raise TypeError(f"a trace holds a {type(value).__name__}, which JSON lines cannot say: {value!r}")


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=True, separators=(", ", ": "))
