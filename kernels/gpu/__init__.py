"""The pooling path on a CUDA device: the kernels are the ``*.cu`` files, `ladder` lists what launches them."""
