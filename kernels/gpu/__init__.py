"""The ways of a CUDA device: the kernels are the ``*.cu`` files; `ladders` lists their launchers."""

__all__: list[str] = []
