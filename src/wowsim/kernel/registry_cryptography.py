r"""Where advapi32 finds the cryptographic service providers: ``SOFTWARE\Microsoft\Cryptography\Defaults``.

The providers and their types are those of Microsoft's documentation ("Microsoft Cryptographic Service Providers",
"Cryptographic Provider Types"); that ``Image Path`` is the bare file name, as Windows XP has it (Wine's advapi32
takes no expandable string), and that the signature is in the file, is unverified. Who may import it:
``registry_defaults``.
"""

from __future__ import annotations

_RSA, _DSS = "rsaenh.dll", "dssenh.dll"
_TYPES = {
    1: ("RSA Full (Signature and Key Exchange)", "Microsoft Strong Cryptographic Provider"),
    3: ("DSS Signature", "Microsoft Base DSS Cryptographic Provider"),
    12: ("RSA SChannel", "Microsoft RSA SChannel Cryptographic Provider"),
    13: (
        "DSS Signature with Diffie-Hellman Key Exchange",
        "Microsoft Enhanced DSS and Diffie-Hellman Cryptographic Provider",
    ),
    18: ("Diffie-Hellman SChannel", "Microsoft DH SChannel Cryptographic Provider"),
    24: ("RSA Full and AES", "Microsoft Enhanced RSA and AES Cryptographic Provider"),
}
"""Name of each type, and its default provider."""
_PROVIDERS = {
    "Microsoft Base Cryptographic Provider v1.0": (1, _RSA),
    "Microsoft Enhanced Cryptographic Provider v1.0": (1, _RSA),
    "Microsoft Strong Cryptographic Provider": (1, _RSA),
    "Microsoft Base DSS Cryptographic Provider": (3, _DSS),
    "Microsoft RSA SChannel Cryptographic Provider": (12, _RSA),
    "Microsoft Base DSS and Diffie-Hellman Cryptographic Provider": (13, _DSS),
    "Microsoft Enhanced DSS and Diffie-Hellman Cryptographic Provider": (13, _DSS),
    "Microsoft DH SChannel Cryptographic Provider": (18, _DSS),
    "Microsoft Enhanced RSA and AES Cryptographic Provider": (24, _RSA),
}


def providers() -> dict[str, dict[str, str | int | bytes | list[str]]]:
    """Values by key, below ``SOFTWARE``."""
    top = r"Microsoft\Cryptography\Defaults"
    keys: dict[str, dict[str, str | int | bytes | list[str]]] = {}
    for number, (title, default) in _TYPES.items():
        keys[rf"{top}\Provider Types\Type {number:03}"] = {"Name": default, "TypeName": title}
    for name, (number, file) in _PROVIDERS.items():
        keys[rf"{top}\Provider\{name}"] = {
            "Image Path": file, "Type": number, "SigInFile": 0,
        }  # fmt: skip
    return keys
