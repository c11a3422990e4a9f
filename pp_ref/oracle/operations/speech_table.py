"""The operations of speech, a part of the table: from a spectrum to the best path of phones (sec. 4.1)."""

from pp_ref.oracle.operations import speech, speech_draws
from pp_ref.oracle.operations.operation import Operation

__all__ = ["SPEECH"]

# Log scores, and sums of them along a path.
SCORES = ("emissions", "initial", "transitions", "final")
ALONE = ("no example", "one example", "one unit")  # these have regimes of their own

SPEECH = (
    Operation(
        "mel_filters",
        "a spectrum's sums under triangles at equal distances in mel (sec. 4.1)",
        speech.mel_filters,
        speech_draws.mel,
        batch=("spectrum",),
        kind="function",
        regimes={
            "impulses": (*speech_draws.IMPULSES, speech_draws.impulses),
            "narrow filters": (*speech_draws.NARROW, speech_draws.narrow),
        },
        geometries=len(speech_draws.MELS),
    ),
    Operation(
        "dct",
        "coefficients 1 to count of the orthogonal cosine transform (sec. 4.1)",
        speech.dct,
        speech_draws.dct,
        batch=("x",),
        kind="function",
        regimes={"large mean": (*speech_draws.LOUD, speech_draws.loud)},
    ),
    Operation(
        "deltas",
        "slopes of lines through 2 reach + 1 frames (sec. 4.1)",
        speech.deltas,
        speech_draws.deltas,
        batch=(),
        kind="function",
        regimes={
            "one frame": (*speech_draws.ONE_FRAME, speech_draws.one_frame(speech_draws.deltas)),
            "ramp": (*speech_draws.RAMP, speech_draws.ramp),
        },
        geometries=3,
        without=("no example", "one example"),
    ),
    Operation(
        "bigram",
        "log p(b | a) of phones, smoothed, with a beginning and an end (sec. 4.1)",
        speech.bigram,
        speech_draws.bigram,
        batch=(),
        kind="function",
        regimes={
            "log 0": (*speech_draws.IMPOSSIBLE, speech_draws.unsmoothed),
            "one frame": (*speech_draws.ONE_FRAME, speech_draws.one_frame(speech_draws.bigram)),
            "one phone": (*speech_draws.ONE_PHONE, speech_draws.one_phone(speech_draws.bigram)),
        },
        fixed=("smoothing",),
        without=("one example", "one unit"),
    ),
    Operation(
        "viterbi_path",
        "the best path of states: argmax of initial + emissions + transitions + final (sec. 4.1)",
        speech.viterbi_path,
        speech_draws.whole,
        batch=(),
        kind="function",
        regimes={
            "ties": (*speech_draws.EQUAL_PATHS, speech_draws.tied),
            "minus infinity": (*speech_draws.IMPOSSIBLE, speech_draws.chains),
            "one frame": (*speech_draws.ONE_FRAME, speech_draws.one_frame(speech_draws.whole)),
            "ends": (*speech_draws.ENDS, speech_draws.ends(6)),
            "ends of one frame": (*speech_draws.ENDS, speech_draws.ends(1)),
            "one phone": (*speech_draws.ONE_PHONE, speech_draws.one_phone(speech_draws.whole)),
        },
        fixed=SCORES,
        without=(*ALONE, "cancellation"),  # beside other digits equal paths would not be equal
        exact=True,
        indices=True,
    ),
    Operation(
        "viterbi_score",
        "the score of the best path (sec. 4.1)",
        speech.viterbi_score,
        speech_draws.general,
        batch=(),
        value="loss",
        kind="function",
        regimes={
            "ties": (*speech_draws.EQUAL_PATHS, speech_draws.tied),
            "minus infinity": (*speech_draws.IMPOSSIBLE, speech_draws.chains),
            "one frame": (*speech_draws.ONE_FRAME, speech_draws.one_frame(speech_draws.general)),
            "one phone": (*speech_draws.ONE_PHONE, speech_draws.one_phone(speech_draws.general)),
        },
        fixed=SCORES,
        without=ALONE,
    ),
)
