"""Small editions of TIMIT: the LDC's layout with SPHERE files, and the sample's with RIFF files."""

from pathlib import Path

import numpy as np

from pp_ref.data.phones import PHONES_61
from pp_ref.data.timit import CORE_TEST, DEVELOPMENT

SAMPLES = 1600
SEGMENTS = [(0, 500, "h#"), (500, 900, "sh"), (900, 1100, "iy"), (1100, SAMPLES, "h#")]


def phn(segments=SEGMENTS):
    return "".join(f"{begin} {end} {phone}\n" for begin, end, phone in segments).encode()


def sound(seed, samples=SAMPLES):
    return np.random.default_rng(seed).integers(-3000, 3000, samples).astype("<i2")


def sphere(x, promised=None, rate=16000, channels=1):
    """A NIST SPHERE file as the corpus has them: 1,024 bytes of header, then the samples."""
    fields = {
        "database_id -s5": "TIMIT",
        "channel_count -i": channels,
        "sample_count -i": len(x) if promised is None else promised,
        "sample_rate -i": rate,
        "sample_n_bytes -i": 2,
        "sample_byte_format -s2": "01",
        "sample_sig_bits -i": 16,
    }
    header = "NIST_1A\n   1024\n" + "".join(f"{name} {value}\n" for name, value in fields.items()) + "end_head\n"
    return header.encode().ljust(1024) + x.tobytes()


def riff(x, rate=16000, channels=1, width=2):
    data = x.tobytes()
    form = b"".join(
        number.to_bytes(size, "little")
        for number, size in (
            (1, 2),
            (channels, 2),
            (rate, 4),
            (rate * channels * width, 4),
            (channels * width, 2),
            (8 * width, 2),
        )
    )
    size = (36 + len(data)).to_bytes(4, "little")
    return (
        b"RIFF"
        + size
        + b"WAVEfmt "
        + (16).to_bytes(4, "little")
        + form
        + b"data"
        + len(data).to_bytes(4, "little")
        + data
    )


def write_sample(folder: Path):
    """A woman and a man of each of 8 regions, two sentences each, and sa1, which is left out."""
    people = ["dr1-fvmh0", "dr1-mcpm0", *(f"dr{r}-{sex}ab{r}" for r in range(2, 8) for sex in "fm")]
    for number, name in enumerate([*people, "dr8-fbcg1", "dr8-mbcg0"]):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for at, sentence in enumerate(("si9", "sx206" if number == 0 else "sx57", "sa1")):
            (folder / name / f"{sentence}.wav").write_bytes(riff(sound(10 * number + at)))
            (folder / name / f"{sentence}.phn").write_bytes(phn())


def write_corpus(folder: Path, upper=True, train=("fcjf0", "mabc0"), others=(*DEVELOPMENT, *CORE_TEST)):
    """The LDC's layout: two speakers to learn from, all of the development and core test lists, one sentence each."""

    def case(text):
        return text.upper() if upper else text

    people = [("train", name) for name in train] + [("test", name) for name in others]
    for number, (part, name) in enumerate(people):
        place = folder / case(part) / case("dr1") / case(name)
        place.mkdir(parents=True, exist_ok=True)
        sentences = {"fcjf0": ("si1027", "sx37"), "felc0": ("si756",)}.get(name, (f"sx{number}",))
        for at, sentence in enumerate((*sentences, "sa1")):
            (place / case(f"{sentence}.wav")).write_bytes(sphere(sound(100 * at + number)))
            (place / case(f"{sentence}.phn")).write_bytes(phn())


def indices(*phones):
    return [PHONES_61.index(phone) for phone in phones]
