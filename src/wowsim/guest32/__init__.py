"""The built-in 32-bit system DLLs: ntdll (``ntdll32``), kernel32, KERNELBASE."""
