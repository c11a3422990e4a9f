"""Mel frequency cepstral coefficients of speech, their differences, and windows of frames (paper, sec. 4.1).

A frame is 25 ms of sound, every 10 ms, under a Hamming window: 12 cepstra and the log energy, with their first and
second differences, are 39 numbers. What books and programs do differently is a setting of `MFCC`, and `CONVENTIONS` has
those of HTK, Kaldi and librosa. `HTK` is the default everywhere.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pp_ref.arrays import check_arrays, check_axes, check_finite, check_integer, check_numpy, check_positive
from pp_ref.brief import brief
from pp_ref.errors import DomainError, ShapeError, check_known, import_extra

__all__ = ["CONVENTIONS", "HTK", "MFCC", "context_windows", "dct", "deltas", "mel_filters", "mfcc"]

Floats = NDArray[np.float64]


@brief
@dataclass(frozen=True)
class MFCC:
    """Settings of `mfcc`. Sound is in the unit of 16-bit integers, as HTK and Kaldi have it.

    rate         samples a second
    window, hop  samples of a frame, and between the beginnings of two: 25 and 10 ms
    fft          samples of the transform, at least the window: zeros fill the frame
    filters      triangular filters between `low` and `high` Hz
    cepstra      coefficients 1 to this; 0, their sum, is replaced by the log energy
    mel_scale    "htk": 2595 log10(1 + f / 700); "slaney": linear up to 1 kHz, logarithmic above
    triangles    "mel": sides are linear in mel, as in HTK and Kaldi; "hertz": in Hz, as in librosa
    norm         True divides each filter by its width in Hz, as librosa does
    power        2 sums squared magnitudes, 1 sums magnitudes (HTK's default)
    lifter       L > 0 multiplies coefficient i by 1 + L / 2 sin(pi i / L); 0 leaves it
    preemphasis  x_t - preemphasis x_{t-1} within a frame, x_{-1} = x_0
    centre       True subtracts each frame's mean first
    energy       "raw": of the frame before pre-emphasis and window; "windowed": after
    edges        "inside": only whole frames; "reflected": Kaldi's frames around every hop, the sound reflected at its
                 ends; "zeros": librosa's frames around every hop, from the first sample, zeros beyond the ends
    floor        > 0: no energy is smaller, in the unit of the squared sound
    dither       standard deviation of Gaussian noise that is added to each frame; 0 adds none

    Examples
    --------
    >>> from pp_ref.features import CONVENTIONS, MFCC
    >>> MFCC(filters=40, low=20.0)  # HTK's settings but for these
    MFCC(filters=40, low=20.0)
    >>> MFCC().count(16_000), CONVENTIONS["librosa"].count(16_000)  # frames of a second
    (98, 101)
    >>> MFCC().centres(16_000)[:3]
    array([200, 360, 520])
    """

    rate: int = 16_000
    window: int = 400
    hop: int = 160
    fft: int = 512
    filters: int = 26
    low: float = 0.0
    high: float = 8000.0
    cepstra: int = 12
    mel_scale: Literal["htk", "slaney"] = "htk"
    triangles: Literal["mel", "hertz"] = "mel"
    norm: bool = False
    power: Literal[1, 2] = 1
    lifter: int = 22
    preemphasis: float = 0.97
    centre: bool = False
    energy: Literal["raw", "windowed"] = "raw"
    edges: Literal["inside", "reflected", "zeros"] = "inside"
    floor: float = 1.0
    dither: float = 0.0

    def __post_init__(self) -> None:
        check_integer(1, window=self.window, hop=self.hop, filters=self.filters, cepstra=self.cepstra)
        check_integer(0, lifter=self.lifter)
        check_positive(rate=self.rate, floor=self.floor)
        if self.fft < self.window:
            raise DomainError(f"fft is {self.fft}, expected at least the window, {self.window} samples")
        if self.cepstra >= self.filters:
            raise DomainError(f"cepstra is {self.cepstra}, expected fewer than the filters, {self.filters}")
        if not 0 <= self.preemphasis < 1 or not 0 <= self.dither < np.inf:
            raise DomainError(
                f"preemphasis is {self.preemphasis}, expected a number in [0, 1); dither is {self.dither}, expected a "
                "finite number >= 0"
            )
        if self.power not in (1, 2):
            raise DomainError(f"power is {self.power}, expected 1 (magnitudes) or 2 (squared magnitudes)")
        for name, known in (("energy", ("raw", "windowed")), ("edges", ("inside", "reflected", "zeros"))):
            check_known(name, getattr(self, name), known)

    @property
    def first(self) -> int:
        """The sample at which the first frame begins."""
        return {"inside": 0, "reflected": (self.hop - self.window) // 2, "zeros": -(self.window // 2)}[self.edges]

    def count(self, samples: int) -> int:
        """Return the number of frames of a sound.

        raises  DomainError if there is none, or if the sound is shorter than the window
        """
        if samples < self.window:
            raise DomainError(f"sound has {samples} samples, expected at least a window of {self.window}: leave it out")
        whole = {
            "inside": (samples - self.window) // self.hop + 1,
            "reflected": (samples + self.hop // 2) // self.hop,
            "zeros": samples // self.hop + 1,
        }
        return whole[self.edges]

    def centres(self, samples: int) -> NDArray[np.int64]:
        """Return the sample at the centre of each frame, (frames,) int64."""
        return self.first + self.window // 2 + self.hop * np.arange(self.count(samples))


HTK = MFCC()
CONVENTIONS = {
    "htk": HTK,
    "kaldi": MFCC(filters=23, low=20.0, power=2, centre=True, floor=float(np.finfo(np.float32).eps)),
    "librosa": MFCC(
        filters=40,
        mel_scale="slaney",
        triangles="hertz",
        norm=True,
        power=2,
        lifter=0,
        preemphasis=0.0,
        energy="windowed",
        edges="zeros",
        floor=1e-10,
    ),
}


def mel_filters(
    rate: float,
    fft: int,
    filters: int,
    low: float = 0.0,
    high: float | None = None,
    mel_scale: str = "htk",
    triangles: str = "mel",
    norm: bool = False,
) -> Floats:
    """Triangular filters with centres at equal distances in mel: H_j rises from e_j to e_{j+1} and falls to e_{j+2}.

    rate, fft  samples a second, and of the transform: bin i is at i rate / fft Hz
    filters    number of filters, between low and high Hz; high None is rate / 2
    others     as in `MFCC`
    returns    (fft // 2 + 1, filters) float64 >= 0; a product with a spectrum (frames, bins) gives the filters' outputs
    raises     DomainError for another scale or other triangles, or frequencies that do not rise from 0 to rate / 2

    A filter narrower than the distance of two bins can be zero everywhere.

    Examples
    --------
    >>> from pp_ref.features import mel_filters
    >>> filters = mel_filters(16_000, 512, 26)
    >>> filters.shape
    (257, 26)
    >>> float(filters.min()), bool(filters.max() <= 1)
    (0.0, True)
    """
    librosa = import_extra("librosa", "speech")
    high = rate / 2 if high is None else high
    check_integer(1, filters=filters, fft=fft)
    if not 0 <= low < high <= rate / 2:
        raise DomainError(f"low is {low} and high {high} Hz, expected 0 <= low < high <= {rate / 2}, half the rate")
    for name, value, known in (("mel_scale", mel_scale, ("htk", "slaney")), ("triangles", triangles, ("mel", "hertz"))):
        check_known(name, value, known)
    htk, scale = mel_scale == "htk", "slaney" if norm else None
    if triangles == "hertz":
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Empty filters", UserWarning)  # that is said above
            bank = librosa.filters.mel(
                sr=rate, n_fft=fft, n_mels=filters, fmin=low, fmax=high, htk=htk, norm=scale, dtype=np.float64
            )
        return np.ascontiguousarray(bank.T)
    mel = librosa.hz_to_mel(np.arange(fft // 2 + 1) * rate / fft, htk=htk)[:, None]  # (bins, 1)
    lowest, highest = librosa.hz_to_mel(np.array([low, high]), htk=htk)
    edges = np.linspace(lowest, highest, filters + 2)
    rising, falling = (mel - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - mel) / np.diff(edges)[1:]
    bank = np.maximum(0, np.minimum(rising, falling))
    if norm:
        hertz = librosa.mel_to_hz(edges, htk=htk)
        bank *= 2 / (hertz[2:] - hertz[:-2])
    return np.ascontiguousarray(bank)


def dct(x: NDArray[Any], n: int) -> NDArray[Any]:
    """Coefficients 1 to n of the cosine transform: c_i = sqrt(2 / m) sum_j x_j cos(pi i (j + 1/2) / m).

    x        (..., m) float32 or float64
    n        1 to m - 1
    returns  (..., n); coefficient 0 is left out
    raises   DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import dct
    >>> dct(np.array([1.0, -1.0]), 1).round(3)  # cos(pi / 4) - cos(3 pi / 4)
    array([1.414])
    """
    from scipy.fft import dct as transform

    check_numpy("float32 or float64", x=x)
    if not 1 <= n < x.shape[-1]:
        raise DomainError(f"n is {n}, expected 1 to {x.shape[-1] - 1}, fewer than the {x.shape[-1]} numbers")
    made: NDArray[Any] = transform(x, type=2, norm="ortho", axis=-1)[..., 1 : n + 1]
    return made


def deltas(x: NDArray[Any], reach: int = 2) -> NDArray[Any]:
    """Slopes of lines through 2 reach + 1 frames: d_t = sum_k k (x_{t+k} - x_{t-k}) / (2 sum_k k^2), k = 1..reach.

    x        (frames, coefficients) float32 or float64; the first and the last frame are repeated beyond the ends
    reach    >= 1 frames to each side
    returns  the same shape and dtype; 1 exactly inside a ramp of integers that rises by 1 a frame
    raises   ShapeError, DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import deltas
    >>> deltas(np.arange(5.0)[:, None])[:, 0]
    array([0.5, 0.8, 1. , 0.8, 0.5])
    """
    from scipy.ndimage import correlate1d

    check_numpy("float32 or float64", x=x)
    check_axes("t d", x=x)
    check_integer(1, reach=reach)
    steps = np.arange(-reach, reach + 1)
    made: NDArray[Any] = correlate1d(x, steps.astype(np.float64), axis=0, mode="nearest") / x.dtype.type(
        (steps**2).sum()
    )
    return made


def mfcc(sound: NDArray[Any], settings: MFCC = HTK, rng: np.random.Generator | None = None) -> Floats:
    """Cepstra 1 to `cepstra` and the log energy of each frame, then their first and second differences.

    sound    (samples,) int16, or floats in the unit of 16-bit integers
    settings `MFCC`
    rng      draws the dither, if there is any
    returns  (frames, 3 (cepstra + 1)) float64, natural logarithms: 39 numbers a frame
    raises   DomainError for a sound shorter than a window, or not finite; ShapeError for more than one channel;
             MissingExtraError without librosa

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import mfcc
    >>> second = np.random.default_rng(0).integers(-1000, 1000, 16_000).astype(np.int16)
    >>> mfcc(second).shape  # 98 frames; 12 cepstra and the energy, with two differences each
    (98, 39)
    """
    check_arrays("real numbers", sound=sound)
    if sound.ndim != 1:
        raise ShapeError(f"sound has shape {sound.shape}, expected (samples,), one channel")
    if sound.dtype.kind == "f":
        check_finite(sound=sound)
    if settings.dither and rng is None:
        raise DomainError(f"rng is None, but dither is {settings.dither}: expected a numpy.random.Generator")
    frames = _frames(sound.astype(np.float64), settings)  # (frames, window)
    if rng is not None:
        frames = frames + settings.dither * rng.standard_normal(frames.shape)
    if settings.centre:
        frames = frames - frames.mean(axis=1, keepdims=True)
    raw = (frames**2).sum(axis=1)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    shaped = (frames - settings.preemphasis * before) * np.hamming(settings.window)
    spectrum = abs(np.fft.rfft(shaped, settings.fft)) ** settings.power  # (frames, bins)
    bank = mel_filters(
        settings.rate,
        settings.fft,
        settings.filters,
        settings.low,
        settings.high,
        settings.mel_scale,
        settings.triangles,
        settings.norm,
    )
    cepstra = dct(np.log(np.maximum(spectrum @ bank, settings.floor)), settings.cepstra)
    if settings.lifter:
        order = np.arange(1, settings.cepstra + 1)
        cepstra = cepstra * (1 + settings.lifter / 2 * np.sin(np.pi * order / settings.lifter))
    energy = raw if settings.energy == "raw" else (shaped**2).sum(axis=1)
    static = np.column_stack([cepstra, np.log(np.maximum(energy, settings.floor))])
    first = deltas(static)
    return np.column_stack([static, first, deltas(first)])


def _frames(x: Floats, settings: MFCC) -> Floats:
    """The frames of a sound, (frames, window), a view where no edge is filled."""
    librosa = import_extra("librosa", "speech")
    count, left = settings.count(len(x)), -settings.first
    right = max((count - 1) * settings.hop + settings.window - left - len(x), 0)
    if settings.edges != "inside":
        x = np.pad(x, (left, right), "symmetric" if settings.edges == "reflected" else "constant")
    frames: Floats = librosa.util.frame(x, frame_length=settings.window, hop_length=settings.hop, axis=0)[:count]
    return frames


def context_windows(x: NDArray[Any], frames: int = 11) -> NDArray[Any]:
    """Each frame with its neighbours: row t is x_{t-h}, ..., x_t, ..., x_{t+h} side by side, h = (frames - 1) / 2.

    x        (t, d) of one utterance; the first and the last frame are repeated beyond the ends
    frames   odd
    returns  (t, frames d): d numbers of the earliest frame come first, as `Frames` numbers them
    raises   DomainError, ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import context_windows
    >>> context_windows(np.array([[1.0], [2.0], [3.0]]), frames=3)
    array([[1., 1., 2.],
           [1., 2., 3.],
           [2., 3., 3.]])
    """
    check_numpy("float32 or float64", x=x)
    check_axes("t d", x=x)
    if frames < 1 or frames % 2 == 0:
        raise DomainError(f"frames is {frames}, expected an odd number, so that there are as many before as behind")
    padded = np.pad(x, ((frames // 2, frames // 2), (0, 0)), "edge")
    windows = sliding_window_view(padded, frames, axis=0)  # (t, d, frames)
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(len(x), frames * x.shape[1])
