"""How Dagster gets at the pipeline's objects: settings in, plain objects out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from xfg_pipeline.resources.pipeline import Pipeline, open_pipeline
from xfg_pipeline.settings import load_settings


class PipelineResource(dg.ConfigurableResource[Pipeline]):
    """Opens the pipeline of the settings in force for one run or one tick."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Pipeline]:
        """The objects; `DATABASE_URL` is there because `xfg up` hands it to every process."""
        del context
        settings = load_settings()
        url = settings.database_url
        if url is None:
            home = os.fspath(settings.home)
            raise dg.Failure(f"DATABASE_URL is not set. `xfg up` sets it; the instance below {home} is not running")
        with open_pipeline(settings, url.get_secret_value()) as pipeline:
            yield pipeline
