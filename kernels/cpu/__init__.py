"""The pooling path on the processor, in Numba."""
