"""TIMIT: read sentences with a phonetic segmentation, in the LDC's layout, and NLTK's sample of 16 speakers.

The corpus (LDC93S1) has TRAIN/DR1/FCJF0/SI1027.WAV, NIST SPHERE files, and SI1027.PHN beside each, in upper or lower
case. The sample has dr1-fvmh0/si1466.wav, RIFF files. The sentences sa1 and sa2, which every speaker reads, are left
out. A line of a .phn file is "begin end phone", in samples.
"""

import hashlib
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_integer
from pp_ref.brief import brief
from pp_ref.data.phones import PHONES_61
from pp_ref.data.search import find_data
from pp_ref.errors import DataError, DomainError, import_extra
from pp_ref.files import read_regular, reason

__all__ = [
    "CORE_TEST",
    "DEVELOPMENT",
    "FOLDS",
    "PARTS",
    "RATE",
    "SAMPLE_DIGEST",
    "Files",
    "Timit",
    "Utterance",
    "corpus_folder",
    "digest_of",
    "entries",
    "load_timit",
    "load_timit_sample",
    "read_lines",
    "read_list",
    "read_segments",
    "read_sound",
    "read_utterance",
    "utterance_files",
]

RATE = 16_000  # samples a second
LONGEST = 60 * RATE  # samples; the longest sentence has 125,000
SOUND = 2 * LONGEST + 2**16  # bytes of a file of sound with its header
LINE = 60  # characters of a line that a message shows
LINES = 2**16  # bytes of a segmentation or a list; a long segmentation has 1,500
SAMPLE_DIGEST = "c53e3415cf13db44ab3516838586c8b98c47f62f6f29255415cef83ca5f9a118"
FOLDS = 8
# Two men and a woman of each dialect region: testset.doc of the corpus, table 1.
CORE_TEST = tuple(
    re.findall(
        r"\w+",
        """
        mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0
        mbpm0 mklt0 fnlp0 mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0
        """,
    )
)
# 50 other speakers of the part TEST: conf/dev_spk.list of Kaldi's recipe egs/timit/s5.
DEVELOPMENT = tuple(
    re.findall(
        r"\w+",
        """
        faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0 fedw0 mgjf0
        mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 mdls0 mdlf0 mdvc0 mers0 fmah0 fdrw0
        mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0 fmml0 mrws1
        """,
    )
)
PARTS = ("train", "dev", "test")


@brief
class Utterance(NamedTuple):
    """A sentence as one speaker read it.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import Utterance
    >>> ends, phones = np.array([9_000, 16_000]), np.array([3, 60])
    >>> utterance = Utterance("fvmh0-sx206", "fvmh0", np.zeros(16_000, np.int16), ends, phones)
    >>> np.diff(utterance.ends, prepend=utterance.begin) / 16_000  # seconds of each phone
    array([0.5625, 0.4375])
    """

    name: str  # "fvmh0-sx206"
    speaker: str  # "fvmh0": f or m, initials and a digit
    sound: NDArray[np.int16]  # (samples,) at 16 kHz
    ends: NDArray[np.int64]  # (segments,) samples: a segment begins at the end before it, the first at `begin`
    phones: NDArray[np.int64]  # (segments,) in 0..60, by PHONES_61
    begin: int = 0


@brief
class Timit(NamedTuple):
    """Utterances by part; no speaker is in two parts.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import Timit, Utterance
    >>> spoken = Utterance("fvmh0-sx206", "fvmh0", np.zeros(400, np.int16), np.array([400]), np.array([3]))
    >>> corpus = Timit("one", train=(spoken,), dev=(), test=(), source="made here", digest="none")
    >>> [utterance.speaker for utterance in corpus.train]
    ['fvmh0']
    """

    name: str
    train: tuple[Utterance, ...]
    dev: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    source: str  # in words
    digest: str  # SHA-256 over all utterances and the names of their parts


class Files(NamedTuple):
    """The files of an utterance."""

    name: str
    sound: Path
    segments: Path
    part: str  # "train" or "test", the corpus's own folders


def load_timit_sample(path: str | os.PathLike[str] | None = None, fold: int = 0) -> Timit:
    """Load NLTK's sample: 128 sentences of 16 speakers, a woman and a man of each of 8 dialect regions.

    path     a folder with dr1-fvmh0 and the other 15; None searches as `pp_ref.data.search.find_data`
    fold     0 to 7: both speakers of dialect region fold + 1 are tested, those of the next one (1 after 8) are for
             development, and the other 12 are learned from. So each speaker is tested in one fold
    returns  Timit, utterances in the order of speaker and sentence
    raises   DataError if it is not found (the message names its source), if a file is damaged, with its line, or if it
             is not the sample to the bit; DomainError for another fold; MissingExtraError without soundfile

    It is a sample: 160 of the corpus's 6,300 utterances, all of its training part.

    Examples
    --------
    >>> from pp_ref.data import load_timit_sample
    >>> timit = load_timit_sample(fold=0)  # doctest: +SKIP
    >>> len(timit.train), len(timit.dev), len(timit.test)  # doctest: +SKIP
    (96, 16, 16)
    >>> timit.test[0].name, timit.test[0].sound.shape  # doctest: +SKIP
    ('fvmh0-si1466', (67380,))
    """
    check_integer(0, fold=fold)
    if fold >= FOLDS:
        raise DomainError(f"fold is {fold}, expected 0 to {FOLDS - 1}: one for each dialect region that is tested")
    folder = find_data("timit-sample", path)
    root = folder if (folder / "dr1-fvmh0").is_dir() else folder / "timit"
    files, region = {}, {}
    for each in sorted(root.glob("dr[1-8]-*")):
        _, number, speaker = re.split(r"^dr(\d)-", each.name)
        region[speaker], files[speaker] = int(number) - 1, utterance_files(each, speaker, "train")
    utterances = {speaker: [read_utterance(each) for each in found] for speaker, found in files.items()}
    digest = digest_of(each for found in utterances.values() for each in found)
    if digest != SAMPLE_DIGEST:
        raise DataError(
            f"{root} holds {sum(map(len, utterances.values()))} utterances with SHA-256 {digest}; expected the 128 of "
            f"NLTK's sample with {SAMPLE_DIGEST}: a file is missing or damaged, take the sample anew"
        )
    part = {0: "test", 1: "dev"}
    of = {speaker: part.get((number - fold) % FOLDS, "train") for speaker, number in region.items()}
    source = (
        f"TIMIT, NLTK's sample without sa1 and sa2 (SHA-256 of sound and segments {digest}), fold {fold} of {FOLDS}"
    )
    return _parts("timit-sample", utterances, of, source)


def load_timit(
    path: str | os.PathLike[str] | None = None, lists: Mapping[str, str | os.PathLike[str]] | None = None
) -> Timit:
    """Load the corpus in the LDC's layout: 3,696 sentences to learn from, 400 for development, 192 of the core test.

    path     a folder with TRAIN and TEST, or with TIMIT, which holds them, in upper or lower case; None searches as
             `pp_ref.data.search.find_data`
    lists    files with one speaker a line, by part: "train", "dev", "test". Parts without one are the usual: all
             speakers of the folder TRAIN, Kaldi's 50 development speakers, the 24 speakers of the core test set
    returns  Timit; 0.5 GB
    raises   DataError if it is not found, if a file is damaged, with its line, or if a list names a speaker who is not
             there or in another list; MissingExtraError without soundfile

    No checksum of the corpus is published: what is checked is that each file is whole, that segments follow each other
    and end within the sound, and that phones are among the 61.

    Examples
    --------
    >>> from pp_ref.data import load_timit
    >>> timit = load_timit()  # doctest: +SKIP
    >>> len(timit.train), len(timit.dev), len(timit.test)  # doctest: +SKIP
    (3696, 400, 192)
    """
    root = corpus_folder(find_data("timit", path))
    found: dict[str, list[Files]] = {}
    for part in ("train", "test"):
        for folder in sorted(each for region in entries(root, part) for each in region.glob("[dD][rR][1-8]/*/")):
            speaker = folder.name.lower()
            found.setdefault(speaker, []).extend(utterance_files(folder, speaker, part))
    usual = {
        "train": [speaker for speaker, files in found.items() if files and files[0].part == "train"],
        "dev": DEVELOPMENT,
        "test": CORE_TEST,
    }
    of: dict[str, str] = {}
    for part in PARTS:
        listed = {f"the usual list of {part}": usual[part]}
        if lists and part in lists:
            listed = {f"{lists[part]}, line {line}": [name] for line, name in read_list(Path(lists[part]))}
        for where, speakers in listed.items():
            for speaker in speakers:
                if not found.get(speaker):
                    raise DataError(
                        f"{where}: speaker {speaker[:LINE]!r} has no utterance in {root}; expected a speaker of the "
                        "corpus: correct the list, or complete the corpus"
                    )
                if of.setdefault(speaker, part) != part:
                    raise DataError(
                        f"{where}: speaker {speaker} is in the list of {of[speaker]} too; expected one part a speaker: "
                        "remove one of them"
                    )
    utterances = {speaker: [read_utterance(each) for each in found[speaker]] for speaker in of}
    return _parts("timit", utterances, of, "TIMIT (LDC93S1) without sa1 and sa2")


def _parts(name: str, utterances: Mapping[str, Sequence[Utterance]], of: Mapping[str, str], source: str) -> Timit:
    parts = {part: tuple(u for s in utterances if of[s] == part for u in utterances[s]) for part in PARTS}
    digests = "".join(part + digest_of(each) for part, each in parts.items())
    return Timit(name, **parts, source=source, digest=hashlib.sha256(digests.encode()).hexdigest())


def digest_of(utterances: Iterable[Utterance]) -> str:
    """Return the SHA-256 over the names, sounds (int16, little-endian) and segments of utterances, in order."""
    digest = hashlib.sha256()
    for each in utterances:
        digest.update(each.name.encode() + each.sound.astype("<i2").tobytes())
        digest.update(np.array([each.begin, *each.ends, *each.phones], "<i8").tobytes())
    return digest.hexdigest()


def corpus_folder(folder: Path) -> Path:
    """Return the folder that holds TRAIN and TEST: this one, or its TIMIT."""
    return next((each for each in (folder, *entries(folder, "timit")) if entries(each, "train")), folder)


def entries(folder: Path, name: str) -> list[Path]:
    """Return the folders in ``folder`` that are called ``name`` in upper or lower case."""
    return [folder / case for case in (name.upper(), name.lower()) if (folder / case).is_dir()][:1]


def utterance_files(folder: Path, speaker: str, part: str) -> list[Files]:
    """Return the files of a speaker's sentences, in their order, without sa1 and sa2.

    raises  DataError if a sentence has a sound without a segmentation, or the other way round
    """
    try:
        names = sorted(each.name for each in folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be searched ({reason(error)}): make it readable") from error
    by_suffix = {
        suffix: {Path(name).stem.lower(): folder / name for name in names if name.lower().endswith(suffix)}
        for suffix in (".wav", ".phn")
    }
    sounds, segments = by_suffix.values()
    for stem in sorted((sounds.keys() ^ segments.keys()) - {"sa1", "sa2"}):
        has = sounds.get(stem) or segments[stem]
        raise DataError(
            f"{has} has no {'.phn' if stem in sounds else '.wav'} beside it; expected both of each sentence: fetch it "
            "again"
        )
    return [
        Files(f"{speaker}-{stem}", sounds[stem], segments[stem], part)
        for stem in sorted(sounds)
        if re.fullmatch(r"s[ix]\d+", stem)
    ]


def read_list(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a list of speakers with their numbers, from 1; empty lines count and are left out.

    raises  DataError if the file cannot be read or is no text
    """
    return [(number, line.lower()) for number, line in enumerate(read_lines(path), start=1) if line]


def read_lines(path: Path) -> list[str]:
    """Return the lines of a small ASCII file, without spaces at both ends; raise DataError if it is none."""
    try:
        return [line.strip() for line in read_regular(path, LINES).decode("ascii").splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); expected lines of ASCII: fetch it again") from error


def read_utterance(files: Files) -> Utterance:
    """Read a sentence and its segmentation.

    raises  DataError for a file that is damaged, and for a segmentation that does not belong to the sound
    """
    sound = read_sound(files.sound)
    begin, ends, phones = read_segments(files.segments, len(sound))
    return Utterance(files.name, files.name.partition("-")[0], sound, ends, phones, begin)


def read_segments(path: Path, samples: int) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Read a .phn file.

    samples  of the sound
    returns  begin of the first segment; ends (segments,) in samples and phones (segments,) in 0..60
    raises   DataError with the line of the first fault: no segment, no "begin end phone", a phone outside the 61, an
             empty segment, a gap, an overlap, an end behind the sound
    """
    begins: list[int] = []
    ends: list[int] = []
    phones: list[int] = []
    for number, line in enumerate(read_lines(path), start=1):
        found = re.fullmatch(r"(\d{1,9})\s+(\d{1,9})\s+(\S+)", line)
        if not found:
            raise DataError(f'{path}, line {number} is {line[:LINE]!r}; expected "begin end phone": fetch it again')
        begin, end, phone = int(found[1]), int(found[2]), found[3]
        fault = ""
        if phone not in PHONES_61:
            fault = f"the phone {phone[:LINE]!r} is none of TIMIT's 61"
        elif end <= begin:
            fault = f"the segment from {begin} to {end} is empty"
        elif ends and begin != ends[-1]:
            which = "overlaps" if begin < ends[-1] else "leaves a gap after"
            fault = f"the segment from {begin} to {end} {which} the one before, which ends at {ends[-1]}"
        elif end > samples:
            fault = f"the segment ends at {end}, but the sound has {samples} samples"
        if fault:
            raise DataError(f"{path}, line {number}: {fault}: repair the line, or fetch the file again")
        begins.append(begin)
        ends.append(end)
        phones.append(PHONES_61.index(phone))
    if not ends:
        raise DataError(f"{path} is empty; expected at least one line, begin end phone: fetch it again")
    return begins[0], np.array(ends), np.array(phones)


def read_sound(path: Path) -> NDArray[np.int16]:
    """Read the samples (n,) int16 of a RIFF or NIST SPHERE file: 16 bits, one channel, 16 kHz.

    raises  DataError for any other file, and for one that is cut short
    """
    soundfile = import_extra("soundfile", "speech")
    try:
        content = read_regular(path, SOUND)
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            found = (file.format, file.subtype, file.channels, file.samplerate)
            if found[0] in ("WAV", "NIST") and found[1:] == ("PCM_16", 1, RATE):
                if 0 < file.frames <= len(content) // 2:  # nothing is read before
                    sound: NDArray[np.int16] = file.read(dtype="int16")
                    return _whole(sound, content)
                raise ValueError(f"it has {file.frames} samples in {len(content)} bytes")
    except Exception as error:  # libsndfile's errors, and those of a file that cannot be read
        raise DataError(
            f"{path} cannot be read ({reason(error)}); expected a RIFF or NIST SPHERE file of one sentence: fetch it "
            "again"
        ) from error
    raise DataError(
        f"{path} is {found[0]} {found[1]}, {found[2]} channels at {found[3]} Hz; expected 16 bits (PCM_16), 1 channel "
        f"at {RATE} Hz in WAV or NIST: convert it"
    )


def _whole(sound: NDArray[np.int16], content: bytes) -> NDArray[np.int16]:
    """Return the sound; raise ValueError if the header promises more samples than there are."""
    sphere = re.search(rb"\nsample_count -i (\d{1,9})\s", content[:1024])
    if content[:4] == b"RIFF":
        at = content.find(b"data", 12)
        promised = int.from_bytes(content[at + 4 : at + 8], "little") // 2
    else:
        promised = int(sphere[1]) if sphere else len(sound)
    if promised != len(sound):
        raise ValueError(f"its header promises {promised} samples, and it has {len(sound)}")
    return sound
