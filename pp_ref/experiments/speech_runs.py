"""One run of Figure 4 (right): a net on frames of speech, and the phone error rate of its decoder (paper, sec. 4.1).

The net is that of `mlp_runs`: 429-1024-1024-183 with sigmoid units, its first two layers predicted. Its input is 11
frames of 39 coefficients, its classes are 61 phones of three states. `phone_decoder` makes phones of its posteriors.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from pp_ref.data import Timit, Utterance, load_timit, load_timit_sample
from pp_ref.data.dataset import Dataset, Split
from pp_ref.data.phones import PHONES_39, folding
from pp_ref.dictionaries import Frames
from pp_ref.errors import DomainError, import_extra
from pp_ref.experiments.error_curves import describe
from pp_ref.experiments.mlp_runs import Trained, fit_net
from pp_ref.experiments.needs import check_needs
from pp_ref.experiments.phone_decoder import TARGETS, Decoded, Spoken, evaluate, silent_q, strings
from pp_ref.experiments.run_store import Record, RunStore, record_of
from pp_ref.experiments.ways import ways_of
from pp_ref.features import CONVENTIONS, context_windows, fit_standardisation, frame_targets, mfcc

__all__ = ["DATA", "check", "load_speech", "run"]

MODULES = ("librosa", "soundfile", "rapidfuzz.distance")
DATA: dict[str, Callable[[dict[str, Any]], Timit]] = {
    "timit-sample": lambda recipe: load_timit_sample(fold=recipe["fold"]),
    "timit": lambda recipe: load_timit(),
}


class Part(NamedTuple):
    """Utterances as the net and the decoder see them."""

    x: list[NDArray[np.float32]]  # (frames, 429) of each utterance
    spoken: list[Spoken]

    @property
    def split(self) -> Split:
        """All frames, one a row."""
        return Split(np.concatenate(self.x), np.concatenate([each.targets for each in self.spoken]))


class Speech(NamedTuple):
    """The parts of a data set."""

    data: Timit
    train: Part
    dev: Part
    test: Part
    space: Frames


def check(recipe: dict[str, Any]) -> None:
    """Check that data and packages are there, as `check_needs`."""
    for module in MODULES:
        import_extra(module, "speech")
    check_needs(recipe)


def load_speech(recipe: dict[str, Any]) -> Speech:
    """Load the utterances of a run and compute their features.

    recipe   "data", "fold"; "features": "convention", a name in `CONVENTIONS`, "context", a number of frames,
             "normalise", "speaker" (mean 0 and variance 1 for each speaker) or "global" (for all training frames),
             "targets", a name in `TARGETS`
    raises   DomainError for another name, and for a sound shorter than a window, with its utterance
    """
    wanted = recipe["features"]
    settings = CONVENTIONS.get(wanted["convention"])
    if settings is None or wanted["normalise"] not in ("speaker", "global") or wanted["targets"] not in TARGETS:
        raise DomainError(
            f"features is {wanted}, expected a convention among {', '.join(CONVENTIONS)}, normalise speaker or global, "
            f"targets among {', '.join(TARGETS)}"
        )
    data = DATA[recipe["data"]](recipe)

    def cepstra(each: Utterance) -> NDArray[np.float64]:
        try:
            return mfcc(each.sound, settings)
        except DomainError as error:
            raise DomainError(f"utterance {each.name}: {error}") from error

    parts = {name: [(each, cepstra(each)) for each in getattr(data, name)] for name in ("train", "dev", "test")}
    every = [found for part in parts.values() for found in part]
    fits = {}
    for speaker in {each.speaker for each, _ in every}:
        own = [x for each, x in every if each.speaker == speaker]
        whose = own if wanted["normalise"] == "speaker" else [x for _, x in parts["train"]]
        fits[speaker] = fit_standardisation(np.concatenate(whose), eps=1e-8)

    def spoken(each: Utterance) -> Spoken:
        phones, states = TARGETS[wanted["targets"]]
        own = each.phones if phones == 61 else silent_q(folding())[each.phones]
        centres = settings.centres(len(each.sound))
        return Spoken(each.name, each.speaker, each.phones, frame_targets(centres, each.begin, each.ends, own, states))

    def part(found: Sequence[tuple[Utterance, NDArray[np.float64]]]) -> Part:
        x = [context_windows(fits[u.speaker].transform(c).astype(np.float32), wanted["context"]) for u, c in found]
        return Part(x, [spoken(each) for each, _ in found])

    made = {name: part(found) for name, found in parts.items()}
    return Speech(data, **made, space=Frames(wanted["context"], every[0][1].shape[1]))


def log_posteriors(trained: Trained, x: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """log p(class | frame) of each utterance, (frames, classes) float64."""
    return [log_softmax(trained.model.logits(trained.params, each).astype(np.float64), axis=1) for each in x]


def shown(
    part: Part, posteriors: Sequence[NDArray[np.float64]], decoded: Mapping[str, Decoded], targets: str
) -> dict[str, NDArray[Any]]:
    """What `pp-ref show --utterance` draws of each speaker's first sentence: three arrays, by the utterance's name.

    returns  "NAME/posteriors" (frames, 39) uint8, in 1/255; "NAME/path" and "NAME/truth" (frames,) int16, of 39 classes
    """
    phones, states = TARGETS[targets]
    classes = silent_q(folding()) if phones == 61 else np.arange(phones)
    kept = {each.speaker: number for number, each in reversed(list(enumerate(part.spoken)))}
    arrays: dict[str, NDArray[Any]] = {}
    for number in sorted(kept.values()):
        each = part.spoken[number]
        folded = np.zeros((len(each.targets), len(PHONES_39)))
        np.add.at(folded.T, np.repeat(classes, states), np.exp(posteriors[number]).T)
        arrays[f"{each.name}/posteriors"] = np.rint(255 * folded).astype(np.uint8)
        arrays[f"{each.name}/path"] = classes[decoded[each.name].path].astype(np.int16)
        arrays[f"{each.name}/truth"] = classes[each.targets // states].astype(np.int16)
    return arrays


def run(recipe: dict[str, Any], store: RunStore, report: Callable[[str], None]) -> Record:
    """Train one net and decode with it.

    returns  the record: test_error is the phone error rate of the test utterances; what `evaluate` says beside it; the
             counts, dictionaries and histories of `mlp_runs.run`; both phone strings of each utterance; arrays:
             confusions, and of each speaker's first sentence the posteriors of 39 classes in 1/255 (uint8), the best
             path and the truth of each frame
    """
    began = time.perf_counter()
    with ways_of(recipe):
        speech = load_speech(recipe)
        phones, states = TARGETS[recipe["features"]["targets"]]
        source = speech.data
        data = Dataset(source.name, speech.train.split, speech.test.split, source.source, source.digest)
        trained = fit_net(recipe, data, speech.space, phones * states, store, report)
        dev, test = (log_posteriors(trained, part.x) for part in (speech.dev, speech.test))
    scored, found = evaluate(
        speech.train.spoken,
        (dev, speech.dev.spoken),
        (test, speech.test.spoken),
        recipe["features"]["targets"],
        **recipe["decoding"],
    )
    return record_of(
        recipe,
        began,
        f"phone error rate {found['test_error']:.2%}, frame error {found['frame_error']:.2%}, {trained.fit.stop.value}",
        trained.fit,
        source,
        trained.group,
        **found,
        counts={name: count._asdict() for name, count in trained.model.count().items()},
        dictionaries=[describe(layer) for layer in trained.model.layers],
        pretraining=[fit.history for fit in trained.pretraining],
        strings=strings(scored.decoded),
        arrays={"confusions": scored.confusions}
        | shown(speech.test, test, scored.decoded, recipe["features"]["targets"]),
    )
