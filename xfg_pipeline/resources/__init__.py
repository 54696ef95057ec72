"""Settings in, plain objects out: what the shell, the desk and the command line share."""
