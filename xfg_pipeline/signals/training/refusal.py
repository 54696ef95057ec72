"""Why a training does not take place, or is not written."""


class TrainingRefused(Exception):
    """Nothing was written. The message names what is needed."""
