"""wowsim: 32-bit Windows code on 64-bit Windows, through the real mode switch."""
