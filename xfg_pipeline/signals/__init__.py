"""From closed candles to sized, explained trade plans. Pure: no Dagster, no SQL, no HTTP, no clock, no environment."""
