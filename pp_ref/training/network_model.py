"""What travels in a cluster: how long machines take to add up a gradient, by latency and bandwidth.

A message of n bytes takes latency + n / bandwidth (R. W. Hockney, "The communication challenge for MPP", Parallel
Computing 20, 1994), whatever else the network carries. Adding numbers up is taken to cost nothing. Dynamic parameters
travel in every step; static ones are sent once, or drawn again on every machine from a seed (sec. 1 of the paper).
"""

from typing import NamedTuple

from pp_ref.arrays import check_integer, check_not_negative, check_positive
from pp_ref.errors import DomainError

__all__ = [
    "LayerBytes",
    "layer_bytes",
    "message_seconds",
    "ring_allreduce_seconds",
    "speed_up",
    "tree_allreduce_seconds",
]


class LayerBytes(NamedTuple):
    """Bytes of a predicted layer and of the full layer in its place.

    dynamic  w and b, sent in every step
    static   U, sent once or never
    full     W and b of the full layer, sent in every step

    Examples
    --------
    >>> from pp_ref.training import LayerBytes
    >>> LayerBytes(dynamic=8, static=100, full=40).dynamic
    8
    """

    dynamic: int
    static: int
    full: int


def layer_bytes(d: int, k: int, m: int, columns: int = 1, itemsize: int = 4) -> LayerBytes:
    """Return the bytes of a layer with d inputs, m units and k kept weights a unit.

    The m units are divided between the columns, so w has k m entries whatever the number of columns (sec. 3.4), while
    every column has a U (d, k) of its own.

    d, k, m   int >= 1, k <= d
    columns   int >= 1, the number J of columns, a divisor of m or not
    itemsize  int >= 1, bytes a number
    raises    DomainError

    Examples
    --------
    >>> from pp_ref.training import layer_bytes
    >>> layer_bytes(d=784, k=78, m=500, columns=10)
    LayerBytes(dynamic=158000, static=2446080, full=1570000)
    """
    check_integer(1, d=d, k=k, m=m, columns=columns, itemsize=itemsize)
    if k > d:
        raise DomainError(f"k is {k}, expected at most d, {d}: no unit has more weights than inputs")
    return LayerBytes((k * m + m) * itemsize, columns * d * k * itemsize, (d * m + m) * itemsize)


def message_seconds(latency: float, bandwidth: float, size: float) -> float:
    """Return the seconds of one message, latency + size / bandwidth.

    latency    seconds >= 0
    bandwidth  bytes a second > 0
    size       bytes >= 0
    raises     DomainError

    Examples
    --------
    >>> from pp_ref.training import message_seconds
    >>> message_seconds(latency=0.001, bandwidth=1e9, size=1e6)
    0.002
    """
    check_not_negative(latency=latency, size=size)
    check_positive(bandwidth=bandwidth)
    return latency + size / bandwidth


def ring_allreduce_seconds(latency: float, bandwidth: float, size: float, ranks: int) -> float:
    """Return the seconds of a sum over all machines, by a ring: 2 (p - 1) messages of size / p bytes.

    Each of p machines passes a p-th of the numbers on, p - 1 times to add up and p - 1 times to hand out. No order
    sends fewer bytes a machine (P. Patarasuk and X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
    workstations", J. Parallel Distrib. Comput. 69, 2009). Latency grows with p.

    latency    seconds >= 0
    bandwidth  bytes a second > 0
    size       bytes >= 0 that every machine has
    ranks      int >= 1, the number p of machines; one alone takes no time
    raises     DomainError

    Examples
    --------
    >>> from pp_ref.training import ring_allreduce_seconds
    >>> ring_allreduce_seconds(latency=0.25, bandwidth=1e6, size=4e6, ranks=4)  # 6 (0.25 + 1)
    7.5
    """
    check_integer(1, ranks=ranks)
    check_not_negative(size=size)
    return 2 * (ranks - 1) * message_seconds(latency, bandwidth, size / ranks)


def tree_allreduce_seconds(latency: float, bandwidth: float, size: float, ranks: int) -> float:
    """Return the seconds of a sum over all machines, by a tree: 2 ceil(log2 p) messages of size bytes.

    Sums go up a binomial tree and come down again (R. Thakur, R. Rabenseifner and W. Gropp, "Optimization of
    collective communication operations in MPICH", Int. J. High Perform. Comput. Appl. 19, 2005). Fewer messages than a
    ring, of all bytes each: better where latency counts.

    latency    seconds >= 0
    bandwidth  bytes a second > 0
    size       bytes >= 0 that every machine has
    ranks      int >= 1, the number p of machines; one alone takes no time
    raises     DomainError

    Examples
    --------
    >>> from pp_ref.training import tree_allreduce_seconds
    >>> tree_allreduce_seconds(latency=0.5, bandwidth=1e6, size=4e6, ranks=5)  # 2 * 3 * (0.5 + 4)
    27.0
    """
    check_integer(1, ranks=ranks)
    return 2 * (ranks - 1).bit_length() * message_seconds(latency, bandwidth, size)


def speed_up(compute: float, allreduce: float, ranks: int) -> float:
    """Return how many times faster p machines make a step: compute / (compute / p + allreduce).

    The batch is divided evenly, and the sum begins when all gradients are there.

    compute    seconds > 0 of a step on one machine
    allreduce  seconds >= 0 that the sum over p machines takes
    ranks      int >= 1, the number p of machines
    raises     DomainError

    Examples
    --------
    >>> from pp_ref.training import speed_up
    >>> speed_up(compute=8.0, allreduce=1.0, ranks=8)  # 8 / (1 + 1)
    4.0
    """
    check_positive(compute=compute)
    check_not_negative(allreduce=allreduce)
    check_integer(1, ranks=ranks)
    return compute / (compute / ranks + allreduce)
