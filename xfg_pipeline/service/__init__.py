"""Embedded Postgres and the processes of `xfg up`: how the house is started, supervised and stopped."""
