from __future__ import annotations

import enum
import json

import pytest

from wowsim.trace import jsonl
from wowsim.trace.events import Call, Step


class Colour(enum.IntEnum):
    RED = 1


def call(**arguments: object) -> Call:
    return Call(
        name="NtCreateFile",
        number=0x52,
        status=0xC0000034,
        arguments=dict(arguments),
        path=("kernel32!CreateFileW", "ntdll!NtCreateFile"),
        stack=("ntdll!NtCreateFile",),
        thread=4,
        index=0,
        instructions=12,
        steps=(Step(0x1000, b"\x90", 32),),
    )


def written(*calls: Call) -> list[str]:
    return list(jsonl.lines(calls, build="win7sp1", seed=3, program="a.exe", version="1.2"))


def test_header_and_call() -> None:
    header, line = map(json.loads, written(call(FileHandle=8)))
    assert header == {"type": "header", "build": "win7sp1", "seed": 3, "program": "a.exe", "wowsim": "1.2"}
    assert line == {
        "type": "call",
        "index": 0,
        "thread": 4,
        "instructions": 12,
        "name": "NtCreateFile",
        "number": 0x52,
        "status": 0xC0000034,
        "arguments": {"FileHandle": 8},
        "path": ["kernel32!CreateFileW", "ntdll!NtCreateFile"],
        "stack": ["ntdll!NtCreateFile"],
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x00\xff", "00ff"),
        (bytearray(b"a"), "61"),
        ({"b": 1, "a": b"\x01"}, {"b": 1, "a": "01"}),
        ((1, [None, True]), [1, [None, True]]),
        ({3, 1, 2}, [1, 2, 3]),
        (Colour.RED, "RED"),
        ("\ud800", "\ud800"),
        (1 << 63, 1 << 63),
    ],
)
def test_values(value: object, expected: object) -> None:
    line = written(call(x=value))[1]
    assert line.isascii()
    assert json.loads(line)["arguments"]["x"] == expected


def test_arguments_keep_their_order() -> None:
    assert list(json.loads(written(call(b=1, a=2))[1])["arguments"]) == ["b", "a"]


def test_what_json_cannot_say_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="object"):
        written(call(x=object()))
