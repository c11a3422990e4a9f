"""What stands between images and a model."""

from pp_ref.features.preprocessing import as_floats, normalise_contrast, random_crops, random_flips
from pp_ref.features.whitening import Whitening, fit_whitening

__all__ = ["Whitening", "as_floats", "fit_whitening", "normalise_contrast", "random_crops", "random_flips"]
