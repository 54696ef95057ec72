"""Findings as the result of a check: how many, a sample, and what a person can do."""

from typing import Any

import dagster as dg

from xfg_pipeline.resources.standing import Finding

MOST_SHOWN = 20


def result(
    findings: list[Finding], severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    """Passed when nothing was found.

    What could not be checked did not pass; it is a warning, where what was found wrong is of `severity`.
    """
    # What could not be checked did not pass; it is a warning, where what was found wrong is an error.
    worst = sorted(findings, key=lambda one: one.is_doubt)
    metadata: dict[str, Any] = {"problems": len(findings)}
    if worst:
        records = [dg.TableRecord({"where": one.where, "what": one.what}) for one in worst[:MOST_SHOWN]]
        metadata |= {"sample": dg.MetadataValue.table(records), "remedy": worst[0].remedy}
        if worst[0].is_doubt:
            severity = dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(passed=not findings, severity=severity, metadata=metadata)
