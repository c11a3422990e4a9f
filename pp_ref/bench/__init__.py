"""`pp-ref bench`: one file a subject, and the code that they share.

Each result is compared with the definition before it is timed. The record has its largest error in units of the derived
bound; a value above 1 ends the benchmark. Contenders take turns in one process with the same number of threads. The
record also has the machine's limits, the rates of a large float32 product and of a copy, and for each contender its
flops and the bytes that it cannot avoid. The first call, which may load and compile, is recorded by itself. All
contenders get dictionaries without subnormals.
"""

__all__: list[str] = []
