"""What exists: one module a group. An asset takes its window, calls the domain, writes once, returns metadata."""
