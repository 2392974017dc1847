"""Locales, languages and code pages.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import BOOLEAN, LARGE_INTEGER, NTSTATUS, PVOID, SIZE_T, ULONG, USHORT, InOut, Out

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtFlushInstallUILanguage(
    k: Kernel, install_ui_language: USHORT, set_comitted_flag: ULONG
) -> NTSTATUS: ...


def NtGetMUIRegistryInfo(k: Kernel, flags: ULONG, data_size: InOut[ULONG], data: PVOID) -> NTSTATUS: ...


def NtGetNlsSectionPtr(
    k: Kernel,
    section_type: ULONG,
    section_data: ULONG,
    context_data: Out[PVOID] | None,
    section_pointer: Out[PVOID],
    section_size: Out[SIZE_T] | None,
) -> NTSTATUS: ...


def NtInitializeNlsFiles(
    k: Kernel,
    base_address: Out[PVOID],
    default_locale_id: Out[ULONG],
    default_casing_table_size: Out[LARGE_INTEGER] | None,
    current_nls_version: Out[ULONG] | None,
) -> NTSTATUS:
    """``current_nls_version`` only in Windows Vista SP1 and SP2 (see ``nt.forms``)."""


def NtIsUILanguageComitted(k: Kernel) -> NTSTATUS: ...


def NtQueryDefaultUILanguage(k: Kernel, default_ui_language_id: Out[USHORT]) -> NTSTATUS: ...


def NtQueryInstallUILanguage(k: Kernel, install_ui_language_id: Out[USHORT]) -> NTSTATUS: ...


def NtSetDefaultLocale(k: Kernel, user_profile: BOOLEAN, default_locale_id: ULONG) -> NTSTATUS: ...


def NtSetDefaultUILanguage(k: Kernel, default_ui_language_id: USHORT) -> NTSTATUS: ...
