"""What must be true of the assets: pure predicates with evidence, reported to Dagster."""
