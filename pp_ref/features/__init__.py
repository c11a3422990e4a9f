"""Steps between images and a model, and between a model's filters and a classifier."""

from pp_ref.features.encodings import encode
from pp_ref.features.extraction import COATES, extract_features, quadrant_sums
from pp_ref.features.linear_svm import LinearSVMFit, fit_linear_svm
from pp_ref.features.patches import every_patch, sample_patches
from pp_ref.features.preprocessing import as_floats, normalise_contrast, random_crops, random_flips
from pp_ref.features.standardisation import Standardisation, fit_standardisation
from pp_ref.features.whitening import Whitening, fit_whitening

__all__ = [
    "COATES",
    "LinearSVMFit",
    "Standardisation",
    "Whitening",
    "as_floats",
    "encode",
    "every_patch",
    "extract_features",
    "fit_linear_svm",
    "fit_standardisation",
    "fit_whitening",
    "normalise_contrast",
    "quadrant_sums",
    "random_crops",
    "random_flips",
    "sample_patches",
]
