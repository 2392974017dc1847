"""NtCreateUserProcess: what it captures, what it hands to whoever makes the process, what it answers and refuses."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from guest import Guest

from wowsim.errors import Unsupported
from wowsim.kernel.objects import OBJ_INHERIT
from wowsim.kernel.process_creation import NtCreateUserProcess
from wowsim.kernel.synchronization import NtCreateEvent
from wowsim.kernel.thread import Process, Thread
from wowsim.nt.process_parameters import OFFSETS
from wowsim.nt.ps_attributes import PS_ATTRIBUTE, PS_CREATE_INFO_SIZE

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.kernel.context import ProcessRequest
    from wowsim.nt.abi import Width

STATUS_INVALID_PARAMETER, STATUS_INVALID_IMAGE_NOT_MZ = 0xC000000D, 0xC000012F
STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_IMAGE_FORMAT = 0xC0000034, 0xC000007B
PATH = r"\??\C:\child.exe"


class Creator:
    """A guest with a program, and somebody who makes processes."""

    def __init__(self, width: Width) -> None:
        self.guest = Guest(width, "win10-22h2" if width == 64 else "win10-22h2-x86")
        self.width, self.pointer = width, width // 8
        k = self.guest.k
        self.requests: list[ProcessRequest] = []
        self.image = SimpleNamespace(is_dll=False, subsystem=3, bits=32, base=0, size=0x1000)
        k.files.add(r"C:\child.exe", b"MZ program")
        k.parse_image = lambda file, path: self._image()
        k.create_process = self._make
        self.list = self.info = 0

    def _image(self) -> Image:
        return self.image  # type: ignore[return-value]

    def _make(self, request: ProcessRequest) -> tuple[Process, Thread]:
        self.requests.append(request)
        return Process(id=0x2000, peb=0x7EFDF000, peb32=0), Thread(id=0x2004, teb=0x7EFDD000)

    def words(self, *values: int) -> bytes:
        return struct.pack(f"<{len(values)}{'Q' if self.width == 64 else 'I'}", *values)

    def attributes(self, *each: tuple[int, int, int]) -> None:
        raw = b"".join(PS_ATTRIBUTE[self.width].pack(number, size, at, 0) for number, size, at in each)
        self.list = self.guest.put(self.words(self.pointer + len(raw)) + raw)

    def named(self, path: str = PATH, *more: tuple[int, int, int]) -> None:
        raw = path.encode("utf-16-le")
        self.attributes((0x20005, len(raw), self.guest.put(raw)), *more)

    def parameters(self, handles: tuple[int, int, int] = (0, 0, 0), normalized: bool = True) -> int:
        at, guest = OFFSETS[self.width], self.guest
        data = bytearray(0x400)
        struct.pack_into("<4I", data, 0, 0x400, 0x400, int(normalized), 0)
        address = guest.room(0x400)
        data[at.handles : at.handles + 3 * self.pointer] = self.words(*handles)
        for offset, text in ((at.image, r"C:\child.exe"), (at.command, "child a b"), (at.directory, "C:\\")):
            raw = text.encode("utf-16-le")
            buffer = guest.put(raw) - (0 if normalized else address)
            shape = "<HH4xQ" if self.width == 64 else "<HHI"
            struct.pack_into(shape, data, offset, len(raw), len(raw), buffer)
        block = guest.put("=C:=C:\\\0A=1\0B=x=y\0\0".encode("utf-16-le")) - (0 if normalized else address)
        data[at.environment : at.environment + self.pointer] = self.words(block)
        guest.memory.write(address, bytes(data))
        return address

    def create(self, flags: int = 0, thread_flags: int = 0, parameters: int | None = None) -> int:
        process, thread = self.guest.room(8), self.guest.room(8)
        parameters = self.parameters() if parameters is None else parameters
        status = self.guest.call(
            NtCreateUserProcess,
            process, thread, 0x2000000, 0x2000000, 0, 0, flags, thread_flags, parameters, self.info, self.list,
        )  # fmt: skip
        self.process = self.guest.value(process, self.pointer)
        return status


@pytest.fixture(params=[32, 64])
def creator(request: pytest.FixtureRequest) -> Creator:
    return Creator(request.param)


@pytest.mark.parametrize("normalized", [True, False])
def test_parameters_are_captured(creator: Creator, normalized: bool) -> None:
    creator.named()
    assert creator.create(thread_flags=1, parameters=creator.parameters((4, 8, 12), normalized)) == 0
    (made,) = creator.requests
    given = made.parameters
    assert (made.image_path, made.suspended, given.handles) == (r"\child.exe", True, (4, 8, 12))
    assert (given.image_path, given.command_line, given.current_directory) == (
        r"C:\child.exe",
        "child a b",
        "C:\\",
    )
    assert given.environment == {"=C:": "C:\\", "A": "1", "B": "x=y"}
    assert creator.guest.k.handles.lookup_anywhere(creator.process, Process)[0].id == 0x2000


def test_what_the_list_asks_for_is_answered(creator: Creator) -> None:
    ids, teb = creator.guest.room(16), creator.guest.room(8)
    size = 2 * creator.pointer
    creator.named(PATH, (0x10003, size, ids), (0x10004, creator.pointer, teb))
    assert creator.create() == 0x0
    assert creator.guest.memory.read(ids, size) == creator.words(0x2000, 0x2004)
    assert creator.guest.memory.read(teb, creator.pointer) == creator.words(0x7EFDD000)


@pytest.mark.parametrize(
    ("path", "contents", "status", "state"),
    [
        (r"\??\C:\nothing.exe", None, STATUS_OBJECT_NAME_NOT_FOUND, 1),
        (r"\??\C:\text.exe", b"text", STATUS_INVALID_IMAGE_NOT_MZ, 3),
        (r"\??\C:\library.dll", b"MZ", STATUS_INVALID_IMAGE_FORMAT, 3),
    ],
)
def test_how_far_it_came(
    creator: Creator, path: str, contents: bytes | None, status: int, state: int
) -> None:
    if contents is not None:
        creator.guest.k.files.add(path[4:], contents)
    creator.image.is_dll = path.endswith("dll")
    size = PS_CREATE_INFO_SIZE[creator.width]
    creator.info = creator.guest.put(creator.words(size) + bytes(size))
    creator.named(path)
    assert creator.create() == status
    assert creator.guest.value(creator.info + creator.pointer, 4) == state
    assert not creator.requests


def test_a_wrong_create_info_or_list_is_refused(creator: Creator) -> None:
    creator.named()
    creator.info = creator.guest.put(creator.words(0x10) + bytes(0x60))
    assert creator.create() == STATUS_INVALID_PARAMETER
    creator.info = 0
    creator.attributes()
    assert creator.create() == STATUS_INVALID_PARAMETER
    creator.attributes((0x12345, 0, 0))
    assert creator.create() == STATUS_INVALID_PARAMETER
    creator.list = 0x10
    assert creator.create() == 0xC0000005


@pytest.mark.parametrize(
    ("number", "name"), [(0x60000, "PARENT_PROCESS"), (0x60001, "DEBUG_OBJECT"), (0x60002, "TOKEN")]
)
def test_what_is_not_there_is_refused_by_name(creator: Creator, number: int, name: str) -> None:
    creator.named(PATH, (number, creator.pointer, 0))
    with pytest.raises(Unsupported, match=name):
        creator.create()
    creator.named()
    with pytest.raises(Unsupported, match="PROCESS_CREATE_FLAGS 10h"):
        creator.create(flags=0x10)
    with pytest.raises(Unsupported, match="THREAD_CREATE_FLAGS 4h"):
        creator.create(thread_flags=4)


# ---------------------------------------------------------------- handles
def event(creator: Creator, inherited: bool) -> int:
    guest, out = creator.guest, creator.guest.room(8)
    attributes = guest.name(None, attributes=OBJ_INHERIT if inherited else 0)
    assert guest.call(NtCreateEvent, out, 0x1F0003, attributes, 0, 0) == 0
    return guest.value(out, creator.pointer)


def inherited(creator: Creator) -> list[int]:
    return [entry[0] for entry in creator.requests[-1].handles]


def test_handles_are_inherited_when_both_say_so(creator: Creator) -> None:
    first, second, third = (event(creator, which) for which in (True, False, True))
    creator.named()
    assert creator.create() == 0
    assert inherited(creator) == []
    assert creator.create(flags=4) == 0
    assert inherited(creator) == [first, third]
    listed: Any = creator.guest.put(creator.words(third, second))
    creator.named(PATH, (0x2000B, 2 * creator.pointer, listed))
    assert creator.create(flags=4) == 0
    assert inherited(creator) == [third]


def test_a_console_program_gets_the_standard_handles(creator: Creator) -> None:
    first, second = event(creator, False), event(creator, False)
    creator.named()
    assert creator.create(parameters=creator.parameters((first, second, second))) == 0
    assert inherited(creator) == [first, second]
    creator.image.subsystem = 2
    assert creator.create(parameters=creator.parameters((first, second, second))) == 0
    assert inherited(creator) == []
