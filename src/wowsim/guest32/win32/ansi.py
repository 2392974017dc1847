"""The ANSI functions: strings in are converted and the W function called, strings out are converted back.

Stands for the ``A`` halves of KERNELBASE and kernel32. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = """
module KERNELBASE

; An allocated UTF-16 copy in a UNICODE_STRING; NULL stays NULL.
routine Basep8BitStringToDynamicUnicodeString(destination, source)
    uses esi edi
    local ansi[8]
    mov esi, destination
    and dword ptr [esi], 0
    and dword ptr [esi+4], 0
    mov edi, source
    test edi, edi
    jz L_done
    mov ansi[4], edi
    xor eax, eax
    or ecx, -1
    repne scasb
    not ecx                                 ; length with the terminator
    cmp ecx, 0x7fff
    ja L_long
    mov word ptr ansi[2], cx
    dec ecx
    mov word ptr ansi, cx
    invoke RtlAnsiStringToUnicodeString, esi, addr ansi, 1
    status
L_long:
    fail 206                                ; ERROR_FILENAME_EXCED_RANGE
L_done:
    return 1

; The rule of every "buffer too small" string function: the length when it fits, else the size needed.
routine BasepReturnAnsi(source, chars, buffer, size)
    local count
    mov ecx, chars
    lea eax, [ecx+1]
    cmp ecx, size
    jae L_return
    lea edx, [ecx+ecx]
    invoke RtlUnicodeToMultiByteN, buffer, ecx, addr count, source, edx
    mov edx, buffer
    mov eax, count
    mov byte ptr [edx+eax], 0
    return

routine BasepReturnWide(source, chars, buffer, size)
    uses esi edi
    mov ecx, chars
    lea eax, [ecx+1]
    cmp ecx, size
    jae L_return
    mov esi, source
    mov edi, buffer
    mov eax, ecx
    rep movsw
    mov word ptr [edi], 0
    return

routine BasepAllocate(bytes)
    mov eax, fs:[0x30]
    invoke RtlAllocateHeap, [eax+0x18], 0, bytes
    test eax, eax
    jnz L_return
    fail 8                                  ; ERROR_NOT_ENOUGH_MEMORY

routine BasepFree(block)
    mov eax, fs:[0x30]
    invoke RtlFreeHeap, [eax+0x18], 0, block
    return

; BasepReturnAnsi of an allocated source, which is freed.
routine BasepReturnAnsiAndFree(source, chars, buffer, size)
    uses esi
    invoke BasepReturnAnsi, source, chars, buffer, size
    mov esi, eax
    invoke BasepFree, source
    mov eax, esi
    return
"""


def from_ansi(name: str, parameters: str, strings: Sequence[str], failure: int = 0) -> str:
    """The A function that converts ``strings`` and calls the W function of the same name.

    Args:
        name: without the A.
        parameters: as the W function has them.
        strings: those of the parameters that are text.
        failure: the result when a string cannot be converted.
    """
    names = [p.strip() for p in parameters.split(",")]
    passed = ", ".join(f"wide{strings.index(n)}[4]" if n in strings else n for n in names)
    locals_ = ", ".join(f"wide{i}[8]" for i in range(len(strings)))
    lines = [f"proc {name}A({parameters})", "uses esi", f"local {locals_}", f"mov esi, {failure}"]
    for i, string in enumerate(strings):
        lines.append(f"invoke Basep8BitStringToDynamicUnicodeString, addr wide{i}, {string}")
        lines.append(f"onzero L_undo{i}")
    lines += [f"invoke {name}W, {passed}", "mov esi, eax"]
    for i in reversed(range(len(strings))):
        lines += [f"invoke RtlFreeUnicodeString, addr wide{i}", f"L_undo{i}:"]
    return "\n".join([*lines, "mov eax, esi", "return"]) + "\n"


def to_ansi(name: str, parameters: str, buffer: str, size: str) -> str:
    """The A function of a W function that fills ``buffer`` and tells the size needed when it is too small.

    Args:
        name: without the A.
        parameters: as the W function has them.
        buffer: the parameter that receives the text.
        size: the parameter with its size in characters.
    """
    names = [p.strip() for p in parameters.split(",")]
    ask = ", ".join("0" if n in (buffer, size) else n for n in names)
    fill = ", ".join({buffer: "esi", size: "ecx"}.get(n, n) for n in names)
    return f"""
proc {name}A({parameters})
    uses esi
    local needed
    invoke {name}W, {ask}
    onzero L_return
    mov needed, eax
    lea ecx, [eax+eax]
    invoke BasepAllocate, ecx
    onzero L_return
    mov esi, eax
    mov ecx, needed
    invoke {name}W, {fill}
    invoke BasepReturnAnsiAndFree, esi, eax, {buffer}, {size}
    return
"""
