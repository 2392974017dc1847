"""The 64-bit half that WoW64 hides: ntdll, wow64, wow64win, wow64cpu as built-in images."""
