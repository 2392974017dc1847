"""Locales, languages and code pages.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import NTSTATUS, PVOID, ULONG, USHORT, InOut

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtFlushInstallUILanguage(
    k: Kernel, install_ui_language: USHORT, set_comitted_flag: ULONG
) -> NTSTATUS: ...


def NtGetMUIRegistryInfo(k: Kernel, flags: ULONG, data_size: InOut[ULONG], data: PVOID) -> NTSTATUS: ...
