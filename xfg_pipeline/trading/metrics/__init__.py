"""What trades come to: rolling metrics with their sample, folded one event at a time."""
