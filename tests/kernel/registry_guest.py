"""A guest with a registry: short forms of its services."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from guest import Guest

from wowsim.kernel.registry_keys import NtCreateKey, NtEnumerateKey, NtOpenKeyEx, NtQueryKey
from wowsim.kernel.registry_values import (
    NtDeleteValueKey,
    NtEnumerateValueKey,
    NtQueryValueKey,
    NtSetValueKey,
)
from wowsim.nt.builds import build_named

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

ALL = 0xF003F
SOFTWARE = r"\Registry\Machine\Software"


class RegistryGuest(Guest):
    """Memory is used again by each call, so that many can be made."""

    def __init__(self, width: Width = 64, build: str = "win7sp1", **options: Any) -> None:
        super().__init__(width, **options)
        self.k.build = build_named(build)
        self.size = self.room(4)
        self.disposition = self.room(4)
        self.buffer = self.room(0x8000)
        self._scratch = self._next

    def reuse(self) -> None:
        """Forget what was put into memory."""
        self._next = self._scratch

    def make(self, path: str | bytes, root: int = 0, access: int = ALL, options: int = 0, **more: Any) -> int:
        """The status of NtCreateKey."""
        self.reuse()
        class_name = more.pop("class_name", None)
        text = 0 if class_name is None else self.string(class_name)
        oa = self.name(path, root, **more)
        return self.call(NtCreateKey, self.out, access, oa, 0, text, options, self.disposition)

    def open_key(
        self, path: str | bytes, root: int = 0, access: int = ALL, options: int = 0, **more: Any
    ) -> int:
        """The status of NtOpenKeyEx."""
        self.reuse()
        return self.call(NtOpenKeyEx, self.out, access, self.name(path, root, **more), options)

    def key(self, path: str, root: int = 0, access: int = ALL, options: int = 0, **more: Any) -> int:
        """A handle of a key that is made or opened."""
        status = self.make(path, root, access, options, **more)
        assert status == 0, f"{status:08X}"
        return self.handle

    def set(self, key: int, name: str | bytes, kind: int, data: bytes) -> int:
        """The status of NtSetValueKey."""
        self.reuse()
        return self.call(NtSetValueKey, key, self.string(name), 0, kind, self.put(data), len(data))

    def get(self, key: int, name: str | bytes, kind: int = 2, length: int = 0x8000) -> int:
        """The status of NtQueryValueKey into the buffer."""
        self.reuse()
        return self.call(NtQueryValueKey, key, self.string(name), kind, self.buffer, length, self.size)

    def remove(self, key: int, name: str) -> int:
        """The status of NtDeleteValueKey."""
        self.reuse()
        return self.call(NtDeleteValueKey, key, self.string(name))

    def data(self, key: int, name: str) -> tuple[int, bytes]:
        """Type and data of a value."""
        status = self.get(key, name)
        assert status == 0, f"{status:08X}"
        _, kind, size = struct.unpack("<III", self.answer[:12])
        return kind, self.answer[12 : 12 + size]

    def info(self, key: int, kind: int, length: int = 0x8000) -> int:
        """The status of NtQueryKey into the buffer."""
        return self.call(NtQueryKey, key, kind, self.buffer, length, self.size)

    @property
    def answer(self) -> bytes:
        """What the last query gave."""
        return self.memory.read(self.buffer, self.value(self.size, 4))

    def path_of(self, key: int) -> str:
        """KeyNameInformation."""
        assert self.info(key, 3) == 0
        return self.answer[4:].decode("utf-16-le", "surrogatepass")

    def subkeys(self, key: int) -> list[str]:
        """The names in order."""
        found: list[str] = []
        while self.call(NtEnumerateKey, key, len(found), 0, self.buffer, 0x8000, self.size) == 0:
            found.append(self.answer[16:].decode("utf-16-le", "surrogatepass"))
        return found

    def value_names(self, key: int) -> list[str]:
        """The names in the order in which they were made."""
        found: list[str] = []
        while self.call(NtEnumerateValueKey, key, len(found), 0, self.buffer, 0x8000, self.size) == 0:
            found.append(self.answer[12:].decode("utf-16-le", "surrogatepass"))
        return found
