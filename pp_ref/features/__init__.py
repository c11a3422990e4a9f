"""Steps between images or sound and a model, and between a model and a classifier or a string of phones."""

from pp_ref.features.cepstra import CONVENTIONS, HTK, MFCC, context_windows, dct, deltas, mel_filters, mfcc
from pp_ref.features.encodings import encode
from pp_ref.features.extraction import COATES, extract_features, quadrant_sums
from pp_ref.features.linear_svm import LinearSVMFit, fit_linear_svm
from pp_ref.features.patches import every_patch, sample_patches
from pp_ref.features.phone_decoding import (
    Scores,
    bigram,
    frame_targets,
    log_priors,
    phone_states,
    phones_of,
    viterbi,
)
from pp_ref.features.phone_errors import Errors, confusions, count_errors, fold_phones, trn_lines
from pp_ref.features.preprocessing import as_floats, normalise_contrast, random_crops, random_flips
from pp_ref.features.standardisation import Standardisation, fit_standardisation
from pp_ref.features.whitening import Whitening, fit_whitening

__all__ = [
    "COATES",
    "CONVENTIONS",
    "HTK",
    "MFCC",
    "Errors",
    "LinearSVMFit",
    "Scores",
    "Standardisation",
    "Whitening",
    "as_floats",
    "bigram",
    "confusions",
    "context_windows",
    "count_errors",
    "dct",
    "deltas",
    "encode",
    "every_patch",
    "extract_features",
    "fit_linear_svm",
    "fit_standardisation",
    "fit_whitening",
    "fold_phones",
    "frame_targets",
    "log_priors",
    "mel_filters",
    "mfcc",
    "normalise_contrast",
    "phone_states",
    "phones_of",
    "quadrant_sums",
    "random_crops",
    "random_flips",
    "sample_patches",
    "trn_lines",
    "viterbi",
]
