"""Ring 0 in Python: service table, objects, files, memory services, processes."""
