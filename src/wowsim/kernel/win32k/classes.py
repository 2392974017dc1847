"""Atoms of USER: registered messages and window classes (win32k!xxxRegisterClassEx and its kin).

Signatures: phnt's ntuser.h. Classes that the system brings (Button, Edit ...) are made with the first window, which
wowsim cannot make; they are not found. Who may import it: ``win32k.services``.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.table import Support, service
from wowsim.kernel.win32k.calls import (
    ERROR_CLASS_ALREADY_EXISTS,
    ERROR_CLASS_DOES_NOT_EXIST,
    ERROR_INVALID_PARAMETER,
    failure,
)
from wowsim.kernel.win32k.state import WindowClass
from wowsim.nt.abi import HANDLE, PVOID, ULONG, USHORT, In, InOut, Out, size_of
from wowsim.nt.structures import UNICODE_STRING
from wowsim.nt.user_structures import WNDCLASSEXW

CS_GLOBALCLASS = 0x4000
CSF_ANSIPROC = 1
_MENU_POINTERS = 3


def _atom(k: Kernel, name: UNICODE_STRING, *, add: bool) -> int:
    """The atom of a name, or the integer atom that its pointer is; 0 for one that nobody has registered."""
    if name.Length == 0 and 0 < name.Buffer < 0x10000:
        return name.Buffer
    text = k.text_of(name)
    if not text:
        raise failure(ERROR_INVALID_PARAMETER)
    if add:
        return k.win32k.atoms.add(text)
    try:
        return k.win32k.atoms.find(text)
    except GuestFault:
        return 0


# ---------------------------------------------------------------- messages
@service(Support.FULL)
def NtUserRegisterWindowMessage(k: Kernel, message: In[UNICODE_STRING]) -> int:
    """The number of a message that is known by name: its atom."""
    return _atom(k, message, add=True)


@service(Support.FULL)
def NtUserGetAtomName(k: Kernel, atom: USHORT, name: InOut[UNICODE_STRING]) -> int:
    """The name of an atom of a class or message, cut to the room there is; its length in characters."""
    text, _ = k.win32k.atoms.about(atom)
    room = name.value.MaximumLength // 2
    if room == 0:
        raise failure(ERROR_INVALID_PARAMETER)
    data = utf16(text)[: 2 * (room - 1)]
    k.memory.write(name.value.Buffer, data + b"\0\0")
    name.set(UNICODE_STRING(USHORT(len(data)), name.value.MaximumLength, name.value.Buffer))
    return len(data) // 2


# ---------------------------------------------------------------- classes
def _find(k: Kernel, atom: int, instance: int) -> WindowClass | None:
    """A class of the module, else a global one of the process; 0 for the module finds any."""
    own = [each for each in k.win32k.classes if each.atom == atom]
    exact = next((each for each in own if each.instance == instance or not instance), None)
    return exact or next((each for each in own if each.definition.style & CS_GLOBALCLASS), None)


@service(Support.PARTIAL, "versions of classes are not told apart")
def NtUserRegisterClassExWOW(
    k: Kernel,
    window_class: In[WNDCLASSEXW],
    class_name: In[UNICODE_STRING],
    class_version: PVOID,
    menu_name: PVOID,
    function_id: ULONG,
    flags: ULONG,
    wow: PVOID,
) -> int:
    """Register a window class; its atom."""
    if window_class.cbSize != size_of(WNDCLASSEXW, k.width) or window_class.lpfnWndProc == 0:
        raise failure(ERROR_INVALID_PARAMETER)
    if window_class.cbClsExtra < 0 or window_class.cbWndExtra < 0:
        raise failure(ERROR_INVALID_PARAMETER)
    menu = k.memory.read(menu_name, _MENU_POINTERS * k.width // 8) if menu_name else b""
    atom = _atom(k, class_name, add=True)
    instance = window_class.hInstance
    taken = [each for each in k.win32k.classes if each.atom == atom]
    local = window_class.style & CS_GLOBALCLASS == 0
    for each in taken:
        both_global = not local and each.definition.style & CS_GLOBALCLASS
        if both_global or (
            each.instance == instance and local == (not each.definition.style & CS_GLOBALCLASS)
        ):
            _forget_atom(k, atom)
            raise failure(ERROR_CLASS_ALREADY_EXISTS)
    k.win32k.classes.append(WindowClass(atom, instance, window_class, menu))
    return atom


@service(Support.FULL)
def NtUserUnregisterClass(
    k: Kernel, class_name: In[UNICODE_STRING], instance: HANDLE, menu_name: PVOID
) -> int:
    """Forget a class; what user32 keeps of its menu's name goes back to it."""
    atom = _atom(k, class_name, add=False)
    found = _find(k, atom, instance)
    if found is None:
        raise failure(ERROR_CLASS_DOES_NOT_EXIST)
    if menu_name:
        k.memory.write(menu_name, found.menu or bytes(_MENU_POINTERS * k.width // 8))
    k.win32k.classes.remove(found)
    _forget_atom(k, atom)
    return 1


def _forget_atom(k: Kernel, atom: int) -> None:
    if atom >= 0xC000:
        k.win32k.atoms.delete(atom)


@service(Support.FULL)
def NtUserGetClassInfoEx(
    k: Kernel,
    instance: HANDLE,
    class_name: In[UNICODE_STRING],
    window_class: Out[WNDCLASSEXW] | None,
    menu_name: PVOID,
    ansi: ULONG,
) -> int:
    """What a class was registered with; its atom.

    Wine's user32 gets all three pointers of its CLSMENUNAME back, Windows' own the one that fits (unverified).
    """
    found = _find(k, _atom(k, class_name, add=False), instance)
    if found is None:
        raise failure(ERROR_CLASS_DOES_NOT_EXIST)
    pointer = k.width // 8
    if menu_name:
        menu = found.menu or bytes(_MENU_POINTERS * pointer)
        if k.win32k.wine is None:
            menu = menu[:pointer] if ansi else menu[pointer : 2 * pointer]
        k.memory.write(menu_name, menu)
    if window_class is not None:
        window_class.set(found.definition)
    return found.atom
