"""What the structural levels of a trading day are and when they can be trusted: values in, values out.

No storage, network, clock, environment or file access lives here.
"""
