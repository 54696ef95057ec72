"""How fast it is, always beside a baseline of the same run: `make bench`."""
