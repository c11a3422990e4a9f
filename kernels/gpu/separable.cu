// out = v K, K = K_y (x) K_x: the images, filtered by stencil.cu. v and out (n, SIZE).

extern "C" __global__ void __launch_bounds__(THREADS)
    pool_separable(const real *v, const real *taps_y, const real *taps_x, real *out, long long n)
{
    extern __shared__ real shared[];
    const long long first = (long long)blockIdx.x * IMAGES;
    const int here = n - first < IMAGES ? n - first : IMAGES;
    const real *filtered = filter(v, taps_y, taps_x, shared, first, here);
    for (int i = threadIdx.x; i < here * SIZE; i += THREADS)
        out[first * SIZE + i] = filtered[i];
}
