"""System roots: folders with real system DLLs."""
