"""Prototypes from every form of annotation that Python has, and never from the wrong module's names."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from wowsim.errors import GuestFault
from wowsim.nt import abi
from wowsim.nt.abi import (
    HANDLE,
    PVOID,
    ULONG,
    Array,
    Parameter,
    Pass,
    Record,
    layout,
    prototype,
)

if TYPE_CHECKING:
    import struct

FUTURE = "from __future__ import annotations\n"
NAMES = "from typing import Annotated, Optional\nfrom wowsim.nt.abi import *\nfrom wowsim.nt import abi\n"


def defined(source: str) -> Any:
    """The function NtThing of a module with that source."""
    namespace: dict[str, Any] = {"__name__": "somewhere"}
    exec(
        NAMES + source if not source.startswith(FUTURE) else FUTURE + NAMES + source[len(FUTURE) :], namespace
    )
    return namespace["NtThing"]


EXPECTED = (
    Parameter("process_handle", HANDLE, Pass.VALUE),
    Parameter("old", ULONG, Pass.IN),
    Parameter("result", PVOID, Pass.OUT, optional=True),
    Parameter("handles", PVOID, Pass.VALUE, pointee=Array(HANDLE, "count")),
    Parameter("count", ULONG, Pass.INOUT),
)


@pytest.mark.parametrize(
    "source",
    [
        "def NtThing(k, process_handle: HANDLE, old: In[ULONG], result: Out[PVOID] | None,"
        ' handles: Annotated[PVOID, Array(HANDLE, "count")], count: InOut[ULONG]): ...',
        FUTURE + "def NtThing(k, process_handle: HANDLE, old: In[ULONG], result: Out[PVOID] | None,"
        ' handles: Annotated[PVOID, Array(HANDLE, "count")], count: InOut[ULONG]): ...',
        "def NtThing(k: 'Nowhere', process_handle: 'HANDLE', old: In['ULONG'], result: Optional[Out['PVOID']],"
        ' handles: "Annotated[PVOID, Array(HANDLE, \'count\')]", count: "abi.InOut[abi.ULONG]"): ...',
        FUTURE + "def NtThing(k, process_handle: HANDLE, old: In[ULONG], *, result: None | Out[PVOID],"
        ' handles: Annotated[PVOID, Array(kind=HANDLE, count="count")], count: InOut[ULONG]) -> NTSTATUS: ...',
        FUTURE + "Handle = HANDLE\n"
        "def NtThing(k, process_handle: Handle, old: In[ULONG], result: Out[PVOID] | None,"
        ' handles: Annotated[PVOID, Array(Handle, "count")], count: InOut[ULONG]): ...',
    ],
)
def test_forms_of_annotations(source: str) -> None:
    function = defined(source)
    function.__annotations__.pop("k", None)  # typing.get_type_hints would want to know the kernel's type
    assert prototype(function).parameters == EXPECTED


def test_the_same_text_means_what_its_own_module_says() -> None:
    source = FUTURE + "{}\ndef NtThing(k, value: Word, other: Out[Word]): ..."
    first, second = (prototype(defined(source.format(line))) for line in ("Word = ULONG", "Word = USHORT"))
    assert [p.kind for p in first.parameters] == [ULONG, ULONG]
    assert [p.kind for p in second.parameters] == [abi.USHORT, abi.USHORT]


def test_wrapped_and_bound_functions() -> None:
    plain = defined(FUTURE + "def NtThing(k, value: ULONG): ...")

    @functools.wraps(plain)
    def around(*arguments: Any) -> Any:
        return plain(*arguments)

    assert prototype(around) == prototype(plain)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("def NtThing(k, value: int): ...", TypeError, "NtThing: parameter 'value'.*int.* is no guest type"),
        (FUTURE + "def NtThing(k, value: Out[int]): ...", TypeError, "parameter 'value'.*is no guest type"),
        (FUTURE + "def NtThing(k, value): ...", TypeError, "NtThing: parameter 'value' has no type"),
        (FUTURE + "def NtThing(k, value: WORD): ...", NameError, "WORD"),
    ],
)
def test_what_is_no_prototype(source: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        prototype(defined(source))


@abi.struct
class Pair(Record):
    """Two fields without a dataclass."""

    First: HANDLE
    Second: ULONG


def test_a_record_goes_through_both_layouts() -> None:
    wide, narrow = layout(Pair, 64), layout(Pair, 32)
    value = wide.from_bytes(bytes.fromhex("feffffffffffffff0700000000000000"))
    assert (value.First, value.Second) == (0xFFFFFFFF_FFFFFFFE, 7)
    assert narrow.to_bytes(value) == bytes.fromhex("feffffff07000000")
    with pytest.raises(ValueError, match="argument"):
        Pair(1)


def test_nt_names() -> None:
    found = [
        abi.nt_name(name) for name in ("file_handle", "ea_length", "vmid", "default_ui_language_id", "class_")
    ]
    assert found == ["FileHandle", "EaLength", "VMID", "DefaultUILanguageId", "Class"]


class Words:
    """Memory that is only at 1000h, and only to be read."""

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        if address != 0x1000:
            raise GuestFault(0xC0000005, address)
        return layout.unpack(bytes(range(layout.size)))


@pytest.mark.parametrize("width", [32, 64])
def test_a_glimpse_probes_nothing(width: abi.Width) -> None:
    source = "def NtThing(k, handle: HANDLE, out: Out[ULONG], given: In[ULONG], both: InOut[ULONG]): ..."
    signature = prototype(defined(FUTURE + source))
    memory: Any = Words()
    seen = signature.glimpse(memory, [(1 << width) - 2, 0x2000, 0x1000, 0x1000], width)
    assert seen == [0xFFFFFFFF_FFFFFFFE, 0x2000, 0x03020100, 0x03020100]
    assert signature.glimpse(memory, [4, 0, 0x2000, 0], width) == [4, 0, 0x2000, 0]
