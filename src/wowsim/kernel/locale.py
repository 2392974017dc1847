"""Locales and languages of user and system (nt!Ex): asking and setting.

English (United States) until somebody sets another. Leaves out NLS sections, the registry values behind all this, and
that only administrators may change what is the system's. Who may import it: the simulation, through the
service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.machine_state import LOCALE_EN_US
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import BOOLEAN, NTSTATUS, ULONG, USHORT, Out
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_SUCCESS


@service(Support.FULL)
def NtQueryDefaultLocale(k: Kernel, user_profile: BOOLEAN, default_locale_id: Out[ULONG]) -> NTSTATUS:
    """The locale of user or system."""
    languages = k.languages
    default_locale_id.set(ULONG(languages.user if user_profile else languages.system))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "the registry is left as it is; 0 means English again")
def NtSetDefaultLocale(k: Kernel, user_profile: BOOLEAN, default_locale_id: ULONG) -> NTSTATUS:
    """Change the locale of user or system; 0 is what the registry says. High bits are refused (unverified)."""
    if default_locale_id >> 20:
        return STATUS_INVALID_PARAMETER
    locale = default_locale_id or LOCALE_EN_US
    if user_profile:
        k.languages.user = locale
    else:
        k.languages.system = locale
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryDefaultUILanguage(k: Kernel, default_ui_language_id: Out[USHORT]) -> NTSTATUS:
    """The language of the user interface."""
    default_ui_language_id.set(USHORT(k.languages.interface))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "the registry is left as it is")
def NtSetDefaultUILanguage(k: Kernel, default_ui_language_id: USHORT) -> NTSTATUS:
    """Set the language for the next log-on; 0 is that log-on (unverified)."""
    languages = k.languages
    if default_ui_language_id:
        languages.pending = default_ui_language_id
    else:
        languages.interface = languages.pending
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryInstallUILanguage(k: Kernel, install_ui_language_id: Out[USHORT]) -> NTSTATUS:
    """The language Windows was installed in."""
    install_ui_language_id.set(USHORT(LOCALE_EN_US))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtIsUILanguageComitted(k: Kernel) -> NTSTATUS:
    """Success: set-up has settled the language."""
    return STATUS_SUCCESS
