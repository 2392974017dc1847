"""The processor: descriptors, page tables, the engine, the native block recorder."""
