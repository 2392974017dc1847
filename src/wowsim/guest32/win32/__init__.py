"""The Win32 layer's sources: what KERNELBASE and kernel32 are assembled from, one theme a file."""
