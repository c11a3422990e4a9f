"""`pp-ref bench`: the pooling path against BLAS, PyTorch and JAX, and the plan against what was measured.

A result is compared with the definition before it is timed: its largest share of the derived bound is in the record,
and a share above 1 ends the benchmark. Contenders take turns in one process with the same number of threads. Beside
them stand the machine's limits, the rate of a large float32 product and of a copy, and of each contender the flops it
needs and the bytes that it cannot avoid. A first call, with what it compiles, is a number of its own. Dictionaries have
their subnormals flushed, for everybody.
"""

from pp_ref.bench.calibrate import calibrate
from pp_ref.bench.compare import compare
from pp_ref.bench.conv import bench_conv
from pp_ref.bench.growth import bench_growth
from pp_ref.bench.layer import bench_layer
from pp_ref.bench.measuring import lines
from pp_ref.bench.plan import bench_plan
from pp_ref.bench.pooling import bench_pooling

__all__ = ["bench_conv", "bench_growth", "bench_layer", "bench_plan", "bench_pooling", "calibrate", "compare", "lines"]
