"""How the practice market is made: noise that can be asked for anywhere, coins, weeks of candles, planted setups."""
