"""From a file to the ledger: what is dropped, uploaded or named on the command line takes the same path."""
