"""Lesson 10: bytes a step, and how long machines take to add them up."""

from pp_ref.lessons.exercise import Exercise, Mistake, counts, defined, numbers
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations.draws import Arguments, Draw


def _bytes(d: Quantity, k: Quantity, m: Quantity, itemsize: Quantity) -> list[Quantity]:
    return [(k * m + m) * itemsize, (d * m + m) * itemsize]


def _ring(latency: Quantity, bandwidth: Quantity, size: Quantity, ranks: int) -> Quantity:
    return (latency + size / float(ranks) / bandwidth) * (2.0 * (ranks - 1))


def _tree(latency: Quantity, bandwidth: Quantity, size: Quantity, ranks: int) -> Quantity:
    return (latency + size / bandwidth) * float(2 * (ranks - 1).bit_length())


WIRES = numbers(
    latency=(1, 2, 1, 3, 0.5, 1e-4, 1e-3), bandwidth=(1, 2, 4, 2, 8, 1e9, 1e8), size=(4, 12, 24, 30, 48, 4e6, 3e7)
)
RANKS = counts(ranks=(2, 3, 4, 5, 6, 9, 100))


def _network(draw: Draw) -> Arguments:
    return WIRES(draw) | RANKS(draw)


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "10.1",
        "Bytes that travel in a step",
        "In every step each machine sends the gradient of what is learned. A predicted layer learns `w` (k, m) and a "
        "bias (m,); its dictionary is fixed and stays. A full layer learns `W` (d, m) and a bias. A number has "
        "`itemsize` bytes. Return the bytes of the predicted layer's gradient, then of the full layer's.",
        '''
def step_bytes(d, k, m, itemsize):
    """Return the bytes of a step: of the predicted layer, and of the full layer."""
    return ..., ...
''',
        defined(
            "step_bytes",
            _bytes,
            numbers(
                d=(2, 3, 4, 5, 8, 28, 784),
                k=(1, 2, 1, 3, 2, 7, 78),
                m=(3, 2, 3, 4, 6, 10, 500),
                itemsize=(1, 2, 4, 8, 4, 2, 4),
            ),
        ),
        {"y": "Predicted: (k m + m) itemsize. Full: (d m + m) itemsize. U is static: it never travels."},
        "Count the numbers first: w has k m, the bias has m.",
        (
            Mistake(
                "bias left out",
                "(k * m + m) * itemsize, (d * m + m) * itemsize",
                "k * m * itemsize, d * m * itemsize",
                "The biases are left out of both.",
                "Add m numbers to each: a bias is learned.",
            ),
            Mistake(
                "dictionary too",
                "(k * m + m) * itemsize, (",
                "(k * m + m + d * k) * itemsize, (",
                "The dictionary is counted as well.",
                "U is fixed: it is never sent in a step.",
            ),
            Mistake(
                "numbers",
                "(k * m + m) * itemsize, (d * m + m) * itemsize",
                "k * m + m, d * m + m",
                "These are numbers, not bytes.",
                "Multiply by itemsize.",
            ),
            Mistake(
                "exchanged",
                "(k * m + m) * itemsize, (d * m + m) * itemsize",
                "(d * m + m) * itemsize, (k * m + m) * itemsize",
                "The two layers are exchanged.",
                "Return the predicted layer's first.",
            ),
            Mistake(
                "bits",
                "(k * m + m) * itemsize, (d * m + m) * itemsize",
                "8 * (k * m + m) * itemsize, 8 * (d * m + m) * itemsize",
                "Both numbers are eight times too large: bits.",
                "Do not multiply by 8.",
            ),
            Mistake(
                "bias of k",
                "(k * m + m) * itemsize, (",
                "(k * m + k) * itemsize, (",
                "The predicted layer's bias is given k numbers.",
                "A bias has one number a unit: m.",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "10.2",
        "A sum over all machines, by a ring",
        "A message of s bytes takes **latency + s / bandwidth** seconds. In a ring, each of p = "
        "`ranks` machines sends a p-th "
        "of its `size` bytes, p - 1 times to add up, and p - 1 times to hand the sums out; one "
        "message after the other. "
        "Return the seconds.",
        '''
def ring(latency, bandwidth, size, ranks):
    """Return the seconds of a ring's allreduce."""
    return ...
''',
        defined("ring", _ring, _network),
        {"y": "2 (p - 1) messages, each latency + (size / p) / bandwidth."},
        "Two machines: each sends half of the bytes, twice.",
        (
            Mistake(
                "one way",
                "2 * (ranks - 1)",
                "(ranks - 1)",
                "Half of what it should be: the sums are not handed out.",
                "p - 1 messages to add up, and p - 1 to hand out.",
            ),
            Mistake(
                "all bytes each time",
                "size / ranks / bandwidth",
                "size / bandwidth",
                "Every message carries all bytes, not a p-th of them.",
                "Divide the size by ranks.",
            ),
            Mistake(
                "latency once",
                "2 * (ranks - 1) * (latency + size / ranks / bandwidth)",
                "latency + 2 * (ranks - 1) * size / ranks / bandwidth",
                "The latency is paid once, not with every message.",
                "Multiply it by the number of messages.",
            ),
            Mistake(
                "p for p - 1",
                "(ranks - 1)",
                "ranks",
                "2 p messages are counted, not 2 (p - 1).",
                "A machine begins with its own part: p - 1 messages.",
            ),
            Mistake(
                "times bandwidth",
                "/ ranks / bandwidth",
                "/ ranks * bandwidth",
                "The bytes are multiplied by the bandwidth.",
                "Divide bytes by bytes a second.",
            ),
            Mistake(
                "no latency",
                "(latency + size / ranks / bandwidth)",
                "(size / ranks / bandwidth)",
                "The latency is left out.",
                "Every message waits for it.",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "10.3",
        "A sum over all machines, by a tree",
        "In a tree, pairs of machines add up, then pairs of pairs: ceil(log₂ p) rounds, in each a "
        "message of all `size` "
        "bytes, at the same time. The sum comes down the same way. Return the seconds, for any "
        "number p = `ranks` >= 2 of "
        "machines.",
        '''
def tree(latency, bandwidth, size, ranks):
    """Return the seconds of a tree's allreduce."""
    return ...
''',
        defined("tree", _tree, _network),
        {"y": "2 ceil(log₂ p) messages one after the other, each latency + size / bandwidth."},
        "Five machines need three rounds: four pairs and one alone, then two, then one.",
        (
            Mistake(
                "one way",
                "2 * np.ceil",
                "np.ceil",
                "Half of what it should be: the sum does not come down.",
                "As many rounds down as up.",
            ),
            Mistake(
                "rounded down",
                "np.ceil",
                "np.floor",
                "The logarithm is rounded down: the machines beyond a power of two are left out.",
                "Round up.",
            ),
            Mistake(
                "not rounded",
                "np.ceil(np.log2(ranks))",
                "np.log2(ranks)",
                "The logarithm is not rounded: there are whole rounds alone.",
                "Round up.",
            ),
            Mistake(
                "every machine in turn",
                "np.ceil(np.log2(ranks))",
                "(ranks - 1)",
                "p - 1 rounds are counted: one machine after another.",
                "Pairs work at the same time: log2 of p rounds, rounded up.",
            ),
            Mistake(
                "a part each",
                "size / bandwidth",
                "size / ranks / bandwidth",
                "A message carries a p-th of the bytes, as in a ring.",
                "In a tree every message carries all bytes.",
            ),
            Mistake(
                "natural logarithm",
                "np.log2",
                "np.log",
                "The logarithm is the natural one.",
                "Each round halves the number of machines: log2.",
            ),
        ),
        whole=False,
    ),
)
