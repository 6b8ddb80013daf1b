# SPDX-License-Identifier: Apache-2.0
from .detection.boxes import DetectionMetric as DetectionMetric
from .detection.boxes import MultiScaleBatch as MultiScaleBatch
from .experiments.crossvalidation import cross_validate as cross_validate
from .experiments.tuning import tune as tune
from .inference.class_predictions import SaveClassPredictions as SaveClassPredictions
from .inference.multi_scale import FusionRule as FusionRule
from .inference.multi_scale import MultiScaleDetector as MultiScaleDetector
from .inference.predictions import SavePredictions as SavePredictions
from .inference.readable import ReadableImages as ReadableImages
from .inference.two_stage import TwoStageInferer as TwoStageInferer
from .results.classification import SaveThreshold as SaveThreshold
from .results.classification import check_validation as check_validation
from .results.classification import higher_or_undefined as higher_or_undefined
from .results.classification import saved_threshold as saved_threshold
from .results.per_case import PerCaseTable as PerCaseTable
from .results.score_table import ScoreTable as ScoreTable
from .results.two_stage_table import TwoStageTable as TwoStageTable
from .results.two_stage_table import load_one_stage as load_one_stage
from .training.failures import check_command as check_command
from .training.gan import AdversarialUpdate as AdversarialUpdate
from .training.handlers import ProgressBar as ProgressBar
from .training.handlers import RunRecorder as RunRecorder
from .training.inferers import AutocastInferer as AutocastInferer
from .training.run_folder import finish_run as finish_run
from .training.run_folder import new_run_dir as new_run_dir
from .training.run_folder import start_run as start_run
from .training.schedules import cosine as cosine
from .training.schedules import steps as steps
from .training.stages import load_weights as load_weights
from .training.stages import transfer_encoder as transfer_encoder

__all__ = [
    "AdversarialUpdate",
    "AutocastInferer",
    "DetectionMetric",
    "FusionRule",
    "MultiScaleBatch",
    "MultiScaleDetector",
    "PerCaseTable",
    "ProgressBar",
    "ReadableImages",
    "RunRecorder",
    "SaveClassPredictions",
    "SavePredictions",
    "SaveThreshold",
    "ScoreTable",
    "TwoStageInferer",
    "TwoStageTable",
    "check_command",
    "check_validation",
    "cosine",
    "cross_validate",
    "finish_run",
    "higher_or_undefined",
    "load_one_stage",
    "load_weights",
    "new_run_dir",
    "saved_threshold",
    "start_run",
    "steps",
    "transfer_encoder",
    "tune",
]
