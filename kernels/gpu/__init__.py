"""The pooling path on a CUDA device: the kernels are the ``*.cu`` files, each beside the Python that launches it."""
