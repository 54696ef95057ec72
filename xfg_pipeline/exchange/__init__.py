"""What the market is, and who provides it: Bybit, a recording, or a simulation."""
