"""The console: text in and out, modes, code pages, control handlers.

Stands for kernel32's functions. Windows 7 talks to conhost by LPC; here a console handle is a file object
whose device type is FILE_DEVICE_CONSOLE (50h, as on Windows 8 and later) and the bytes that cross it are in
the console's code page. Control handlers are kept, nothing calls them. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations


def _code_page(name: str, slot: str) -> str:
    return f"""
proc Get{name}()
    naked
    mov eax, dword ptr [{slot}]
    return

proc Set{name}(wCodePageID)
    naked
    mov eax, wCodePageID
    mov dword ptr [{slot}], eax
    return 1
"""


SOURCE = (
    """
module kernel32

values BaseConsoleModes 0x1f7 3             ; of input and output
values BaseConsoleInputCP 437
values BaseConsoleOutputCP 437
data BaseIgnoreControlC 4
data BaseControlHandlerCount 4
data BaseControlHandlers 128

routine BasepIsConsole(handle)
    local device[8]
    invoke BasepStandardHandle, handle
    mov ecx, eax
    invoke BasepQueryDevice, ecx, addr device
    onzero L_not
    cmp device, 0x50
    je L_return
L_not:
    fail 6                                  ; ERROR_INVALID_HANDLE

routine BasepConsoleMode(handle)            ; the address of its mode
    invoke BasepIsConsole, handle
    onzero L_return
    invoke BasepStandardHandle, handle
    mov edx, fs:[0x30]
    mov edx, [edx+0x10]
    lea ecx, [BaseConsoleModes]
    cmp eax, [edx+0x18]                     ; the standard input
    je L_input
    add ecx, 4
L_input:
    mov eax, ecx
    return

proc GetConsoleMode(hConsoleHandle, lpMode)
    invoke BasepConsoleMode, hConsoleHandle
    onzero L_return
    mov eax, [eax]
    mov edx, lpMode
    mov [edx], eax
    return 1

proc SetConsoleMode(hConsoleHandle, dwMode)
    invoke BasepConsoleMode, hConsoleHandle
    onzero L_return
    mov edx, dwMode
    mov [eax], edx
    return 1

proc WriteConsoleA(hConsole, lpBuffer, nChars, lpWritten, lpReserved)
    invoke BasepIsConsole, hConsole
    onzero L_return
    invoke WriteFile, hConsole, lpBuffer, nChars, lpWritten, 0

proc WriteConsoleW(hConsole, lpBuffer, nChars, lpWritten, lpReserved)
    uses esi edi ebx
    local bytes[1024], count
    invoke BasepIsConsole, hConsole
    onzero L_return
    mov esi, lpBuffer
    mov edi, nChars
L_next:
    test edi, edi
    jz L_written
    mov ebx, edi
    cmp ebx, 256                            ; at most 4 bytes a character
    jbe L_convert
    mov ebx, 256
L_convert:
    invoke GetConsoleOutputCP
    lea edx, bytes
    invoke WideCharToMultiByte, eax, 0, esi, ebx, edx, 1024, 0, 0
    mov edx, eax
    lea ecx, bytes
    invoke WriteFile, hConsole, ecx, edx, addr count, 0
    onzero L_return
    lea esi, [esi+ebx*2]
    sub edi, ebx
    jmp L_next
L_written:
    mov ecx, lpWritten
    test ecx, ecx
    jz L_done
    mov eax, nChars
    mov [ecx], eax
L_done:
    return 1

proc ReadConsoleA(hConsole, lpBuffer, nChars, lpRead, pInputControl)
    invoke BasepIsConsole, hConsole
    onzero L_return
    invoke ReadFile, hConsole, lpBuffer, nChars, lpRead, 0

proc ReadConsoleW(hConsole, lpBuffer, nChars, lpRead, pInputControl)
    local bytes[512], count
    invoke BasepIsConsole, hConsole
    onzero L_return
    mov edx, nChars
    cmp edx, 512
    jbe L_read
    mov edx, 512
L_read:
    lea ecx, bytes
    invoke ReadFile, hConsole, ecx, edx, addr count, 0
    onzero L_return
    mov eax, count
    onzero L_store
    invoke GetConsoleCP
    mov ecx, eax
    lea edx, bytes
    invoke MultiByteToWideChar, ecx, 0, edx, count, lpBuffer, nChars
L_store:
    mov ecx, lpRead
    mov [ecx], eax
    return 1

proc SetConsoleCtrlHandler(HandlerRoutine, Add)
    uses edi
    mov eax, HandlerRoutine
    mov ecx, Add
    test eax, eax
    jnz L_handler
    mov dword ptr [BaseIgnoreControlC], ecx
    return 1
L_handler:
    lea edi, [BaseControlHandlers]
    mov edx, dword ptr [BaseControlHandlerCount]
    test ecx, ecx
    jz L_find
    cmp edx, 32
    jae L_full
    mov [edi+edx*4], eax
    inc dword ptr [BaseControlHandlerCount]
    return 1
L_find:
    dec edx                                 ; the newest first
    js L_parameter
    cmp [edi+edx*4], eax
    jne L_find
L_close:
    mov eax, [edi+edx*4+4]
    mov [edi+edx*4], eax
    inc edx
    cmp edx, 31
    jb L_close
    dec dword ptr [BaseControlHandlerCount]
    return 1
L_full:
    fail 8
L_parameter:
    fail 87
"""
    + _code_page("ConsoleCP", "BaseConsoleInputCP")
    + _code_page("ConsoleOutputCP", "BaseConsoleOutputCP")
)
