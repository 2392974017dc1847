"""Executable images: parsed from PE files (``pe``) or assembled by wowsim (``synth``)."""
