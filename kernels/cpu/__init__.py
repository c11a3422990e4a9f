"""The ways of the processor, by BLAS or Numba; `ladders` lists them by operation."""

__all__: list[str] = []
