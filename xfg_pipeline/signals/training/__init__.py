"""Training of ensembles: labels, walk-forward splits, base models, meta-learner, export, report. Extra `train`."""

from xfg_pipeline.signals.training.plan import TrainingPlan
from xfg_pipeline.signals.training.refusal import TrainingRefused
from xfg_pipeline.signals.training.report import TrainingReport
from xfg_pipeline.signals.training.train import train

__all__ = ["TrainingPlan", "TrainingRefused", "TrainingReport", "train"]
