# SPDX-License-Identifier: Apache-2.0
from .check.run_check import check_bundle as check_bundle
from .export import export_network as export_network
from .front import LoadedBundle as LoadedBundle
from .front import load as load
from .front import predict as predict
from .front import train as train
from .package import package_bundle as package_bundle
from .predict import predict_study as predict_study
from .weights import release_weights as release_weights

__all__ = [
    "LoadedBundle",
    "check_bundle",
    "export_network",
    "load",
    "package_bundle",
    "predict",
    "predict_study",
    "release_weights",
    "train",
]
