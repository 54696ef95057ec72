"""From an account's records to trades, from trades to metrics, from metrics to the traffic light. Pure."""
