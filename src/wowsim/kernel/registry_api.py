r"""``sim.registry``: the registry as the caller of the library sees it, by names such as ``HKLM\SOFTWARE\It``.

Names are those of the 64-bit view, or absolute ones (``\REGISTRY\MACHINE\...``). Stands for no Windows component. Who
may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, UsageError
from wowsim.kernel import registry_text
from wowsim.kernel.accounts import user_sid
from wowsim.kernel.names import from_utf16, upcase, utf16
from wowsim.kernel.registry_tree import MAXIMUM_VALUE_NAME, KeyNode, components, utf16_length
from wowsim.nt import registry_structures
from wowsim.nt.registry_structures import (
    REG_BINARY,
    REG_DWORD,
    REG_EXPAND_SZ,
    REG_LINK,
    REG_MULTI_SZ,
    REG_QWORD,
    REG_SZ,
)
from wowsim.nt.status import STATUS_CANNOT_DELETE, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.kernel.registry_tree import Registry, Value

Content = str | int | bytes | list[str]
"""A value's data: text for REG_SZ and REG_EXPAND_SZ, a number for REG_DWORD and REG_QWORD, texts for REG_MULTI_SZ,
bytes for every other type."""
KINDS = (
    "REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK",
    "REG_MULTI_SZ", "REG_QWORD",
)  # fmt: skip
_NUMBERS = {name: int(getattr(registry_structures, name)) for name in KINDS}
_EXPECTED = r"expected one like 'HKLM\SOFTWARE\It', 'HKEY_CURRENT_USER\...' or '\REGISTRY\MACHINE\...'"


class RegistryKeys:
    """Reads and changes the registry.

    Args:
        registry: the kernel's.
        seed: the SID behind HKEY_CURRENT_USER comes of it.
    """

    def __init__(self, registry: Registry, seed: int) -> None:
        self._registry = registry
        machine, user = r"MACHINE", rf"USER\{user_sid(seed)}"
        self._roots = {
            "HKEY_LOCAL_MACHINE": machine,
            "HKEY_CURRENT_USER": user,
            "HKEY_USERS": "USER",
            "HKEY_CLASSES_ROOT": rf"{machine}\SOFTWARE\Classes",
            "HKEY_CURRENT_CONFIG": rf"{machine}\SYSTEM\CurrentControlSet\Hardware Profiles\Current",
        }
        self._short = dict(
            zip(("HKLM", "HKCU", "HKU", "HKCR", "HKCC"), self._roots.values(), strict=True)
        ) | self._roots  # fmt: skip

    # ------------------------------------------------------------ values
    def get(self, key: str, name: str = "") -> Content:
        """A value's data.

        Raises:
            UsageError: there is no such key or value.
        """
        return _content(self._value(key, name))

    def raw(self, key: str, name: str = "") -> tuple[int, bytes]:
        """A value's type (REG_*) and bytes; the same errors as :meth:`get`."""
        value = self._value(key, name)
        return value.kind, value.data

    def values(self, key: str) -> dict[str, Content]:
        """Every value of a key by name, in the order in which they were made."""
        return {value.name: _content(value) for value in self._node(key).values}

    def set(self, key: str, name: str, value: Content, kind: int | str | None = None) -> None:
        """Set a value; missing keys are made.

        Args:
            key: where.
            name: which; empty for the default value.
            value: text, number, bytes, or a list of texts.
            kind: ``"REG_EXPAND_SZ"`` or a number; without one, what fits the value.

        Raises:
            UsageError: the key cannot be made, or the value does not fit its type.
        """
        number, data = _encoded(value, kind)
        _check_name(name)
        with _usage(key):
            self._registry.set_value(self._make(key), name, number, data)

    # ------------------------------------------------------------ keys
    def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return self._find(key) is not None

    def keys(self, key: str) -> list[str]:
        """The names of the keys below one, in the order in which the guest lists them.

        Raises:
            UsageError: there is no such key.
        """
        return [child.name for child in self._node(key).children()]

    def add(self, key: str) -> None:
        """Make a key and those above it; one that exists is left alone."""
        with _usage(key):
            self._make(key)

    def delete(self, key: str, name: str | None = None) -> None:
        """Delete a value, or without ``name`` a key with all that is below it.

        Raises:
            UsageError: it does not exist, or is a hive.
        """
        if name is not None:
            node, value = self._node(key), self._value(key, name)
            self._registry.delete_value(node, value)
            return
        with _usage(key):
            self._delete(self._node(key, open_link=True))

    # ------------------------------------------------------------ text
    def load(self, source: str | Path | bytes) -> None:
        """Do what registry text says.

        Args:
            source: the text itself, or a ``.reg`` file on the host (a path, or its bytes).

        Raises:
            UsageError: there is no such file, or it is no registry text; then nothing has been changed.
        """
        changes = registry_text.parse(_text(source))
        for change in changes:
            self._path(change.key)
            _check_name(change.name or "")
        for change in changes:
            self._apply(change)

    def save(self, key: str | None = None) -> str:
        """Registry text of a key and all that is below it, or of everything; symbolic links are left out.

        Raises:
            UsageError: there is no such key, or a name cannot be written.
        """
        tops = [self._node(key)] if key is not None else self._registry.root.children()
        return registry_text.render(
            (self._shown(node), [(v.name, v.kind, v.data) for v in node.values])
            for top in tops
            for node in _walk(top)
            if node.parent is not None
        )

    def _apply(self, change: registry_text.Change) -> None:
        if change.delete:
            node = self._find(change.key, open_link=True)
            if node is not None:
                with _usage(change.key):
                    self._delete(node)
            return
        with _usage(change.key):
            if change.name is None:
                self._make(change.key)
            elif change.entry is not None:
                self._registry.set_value(self._make(change.key), change.name, *change.entry)
            else:
                node = self._find(change.key)
                value = None if node is None else node.value(change.name)
                if node is not None and value is not None:
                    self._registry.delete_value(node, value)

    def _shown(self, node: KeyNode) -> str:
        r"""``HKEY_...``; the most particular of the names."""
        path = node.path.removeprefix("\\REGISTRY\\")
        for name in ("HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE", "HKEY_USERS"):
            top = self._roots[name]
            if (path + "\\").startswith(top + "\\"):
                return name + path[len(top) :]
        raise AssertionError(f"{path} is in no hive")

    # ------------------------------------------------------------ finding
    def _path(self, key: str) -> str:
        r"""The path below ``\REGISTRY``."""
        if not isinstance(key, str):
            raise UsageError(f"a key of type {type(key).__name__}; {_EXPECTED}")
        first, _, rest = key.partition("\\")
        root = self._short.get(first.upper())
        if root is not None:
            return f"{root}\\{rest}"
        if upcase(key[:9]) == "\\REGISTRY" and key[9:10] in ("", "\\"):
            return key[9:]
        raise UsageError(f"{key!r} is no key; {_EXPECTED}")

    def _find(self, key: str, *, open_link: bool = False) -> KeyNode | None:
        try:
            return self._registry.find(self._registry.root, self._path(key), open_link=open_link)
        except GuestFault:
            return None

    def _node(self, key: str, *, open_link: bool = False) -> KeyNode:
        found = self._find(key, open_link=open_link)
        if found is None:
            raise UsageError(f"there is no key {key!r}")
        return found

    def _value(self, key: str, name: str) -> Value:
        _check_name(name)
        found = self._node(key).value(name)
        if found is None:
            raise UsageError(f"the key {key!r} has no value {name!r}")
        return found

    def _make(self, key: str) -> KeyNode:
        node = self._registry.root
        for name in components(self._path(key)):
            found = node.child(name)
            if found is None:
                node = self._registry.add(node, name, volatile=node.volatile)
            else:
                node = self._registry.find(found, "")
        return node

    def _delete(self, node: KeyNode) -> None:
        if node.is_hive:
            raise GuestFault(STATUS_CANNOT_DELETE)
        for below in reversed(list(_walk(node, links=True))):
            self._registry.delete(below)


def _walk(top: KeyNode, *, links: bool = False) -> Iterator[KeyNode]:
    """A key and all that are below it, each before its own; symbolic links only when asked for."""
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if links or not node.link:
            yield node
            waiting += reversed(node.children())


@contextmanager
def _usage(key: str) -> Iterator[None]:
    try:
        yield
    except GuestFault as fault:
        raise UsageError(f"the key {key!r} cannot be changed: {name_of(fault.status)}") from None


def _check_name(name: str) -> None:
    if not isinstance(name, str) or utf16_length(name) > MAXIMUM_VALUE_NAME:
        raise UsageError(
            f"{name!r:.80} is no name of a value; expected text of up to {MAXIMUM_VALUE_NAME} units"
        )


def _text(source: str | Path | bytes) -> str:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return registry_text.decode(bytes(source))
    if isinstance(source, str) and "\n" in source:
        return source
    if not isinstance(source, (str, Path)) or "\0" in str(source):
        raise UsageError(f"load({source!r}); expected registry text, its bytes, or the path of a .reg file")
    try:
        return registry_text.decode(Path(source).read_bytes())
    except OSError as error:
        raise UsageError(f"{str(source)!r} cannot be read: {error.strerror}") from None


def _content(value: Value) -> Content:
    data = value.data
    if value.kind in (REG_SZ, REG_EXPAND_SZ) and len(data) % 2 == 0:
        return from_utf16(data).removesuffix("\0")
    if value.kind == REG_MULTI_SZ and len(data) % 2 == 0:
        texts = from_utf16(data).split("\0")
        while texts and not texts[-1]:
            texts.pop()
        return texts
    if (value.kind, len(data)) in ((REG_DWORD, 4), (REG_QWORD, 8)):
        return int.from_bytes(data, "little")
    return data


def _encoded(value: Content, kind: int | str | None) -> tuple[int, bytes]:
    number = _NUMBERS.get(kind, -1) if isinstance(kind, str) else kind
    if number is not None and (isinstance(number, bool) or not 0 <= number <= 0xFFFFFFFF):
        raise UsageError(f"kind={kind!r}; expected one of {', '.join(KINDS)}, or its number")
    if isinstance(value, bytes):
        return REG_BINARY if number is None else number, value
    if isinstance(value, str) and number in (None, REG_SZ, REG_EXPAND_SZ, REG_LINK):
        return REG_SZ if number is None else number, utf16(value if number == REG_LINK else value + "\0")
    if (
        isinstance(value, list)
        and number in (None, REG_MULTI_SZ)
        and all(isinstance(t, str) and t for t in value)
    ):
        return REG_MULTI_SZ, utf16("".join(text + "\0" for text in value) + "\0")
    if isinstance(value, int) and not isinstance(value, bool):
        number = number if number is not None else REG_QWORD if value >> 32 else REG_DWORD
        size = {REG_DWORD: 4, REG_QWORD: 8}.get(number)
        if size is not None and 0 <= value < 1 << 8 * size:
            return number, value.to_bytes(size, "little")
    raise UsageError(
        f"the value {value!r:.80} does not fit kind={kind!r}; expected text, a number, bytes or texts"
    )
