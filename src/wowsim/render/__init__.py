"""What people read: instruction text, listings and tables in the manner of WinDbg."""
