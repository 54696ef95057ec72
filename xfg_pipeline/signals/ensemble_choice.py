"""Whether an ensemble is the one that was meant: its market, its features, and the models that settings name."""

import difflib
from collections.abc import Iterator, Sequence

from xfg_pipeline.signals.manifest import Manifest, ModelEntry

SIMULATED = "simulated"
REPLAY = "replay"
TESTNET = "_testnet"


def disagreements(
    manifest: Manifest,
    *,
    market: str,
    known_features: Sequence[str],
    members: Sequence[str],
    meta_learner: str | None,
) -> Iterator[str]:
    """Everything in which a manifest is not what the pipeline asks for; each with what to do."""
    yield from _of_market(manifest, market)
    yield from _of_features(manifest, known_features)
    yield from _of_members(manifest, members)
    if meta_learner is not None and meta_learner not in _names(manifest.meta_learner):
        yield f"`models.meta_learner` names {meta_learner!r}{_remedy(meta_learner, [manifest.meta_learner])}"
    if manifest.meta_learner.name in {model.name for model in manifest.models}:
        yield f"the meta-learner and a base model are both named {manifest.meta_learner.name!r}; rename one of them"


def _of_market(manifest: Manifest, market: str) -> Iterator[str]:
    """A simulated market and a real one never share an ensemble; a recording may be of any real market.

    A testnet trades what its exchange trades, at prices of its own: it tries out the exchange's ensemble.
    """
    trained = manifest.market
    serves = trained != SIMULATED if market == REPLAY else trained in (market, market.removesuffix(TESTNET))
    if not serves:
        yield (
            f"{manifest.name!r} was trained on the market {trained!r}, and the pipeline runs on {market!r}; "
            f"set `models.path` to an ensemble of {'a real market' if market == REPLAY else repr(market)}, "
            "or `market.provider` to one that it serves (docs/models.md)"
        )


def _of_features(manifest: Manifest, known: Sequence[str]) -> Iterator[str]:
    for name in manifest.features:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" (there is {close[0]!r})" if close else ""
            yield f"feature {name!r} is not computed{hint}; docs/features.md lists those that are"


def _of_members(manifest: Manifest, members: Sequence[str]) -> Iterator[str]:
    if not members:
        return
    chosen = set()
    for name in members:
        found = next((model.name for model in manifest.models if name in _names(model)), None)
        if found is None:
            yield f"`models.ensemble_models` names {name!r}{_remedy(name, manifest.models)}"
        elif found in chosen:
            yield f"`models.ensemble_models` names {found!r} twice; remove one"
        else:
            chosen.add(found)
    left_out = [model.name for model in manifest.models if model.name not in chosen]
    if left_out and len(members) < len(manifest.models):
        yield (
            f"`models.ensemble_models` leaves out {', '.join(left_out)}; the meta-learner was fitted on all "
            f"{len(manifest.models)} models: name all of them, or none"
        )


def _names(entry: ModelEntry) -> tuple[str, str]:
    return entry.name, entry.file


def _remedy(name: str, allowed: Sequence[ModelEntry]) -> str:
    listed = ", ".join(f"{entry.name} ({entry.file})" for entry in allowed)
    if name.endswith((".pkl", ".pickle", ".joblib")):
        return f", a pickle, which is never loaded; allowed are the ONNX models of the manifest: {listed}"
    return f", which is not in the manifest; allowed: {listed}"
