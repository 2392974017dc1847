"""What a run leaves behind: events, calls with their paths, instruction steps, exports."""
