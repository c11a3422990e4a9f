"""`pp-ref bench`: one file a subject, and what they share.

A result is compared with the definition before it is timed: its largest share of the derived bound is in the record,
and a share above 1 ends the benchmark. Contenders take turns in one process with the same number of threads. Beside
them stand the machine's limits, the rate of a large float32 product and of a copy, and for each contender the flops it
needs and the bytes that it cannot avoid. A first call, with what it compiles, is a number of its own. Dictionaries have
their subnormals flushed, for everybody.
"""
