// out = g S^T K, S = I[:, alpha], for all columns at once: the adjoint of gathered.cu.
//
// g (n, k), out (n, SIZE), finite (n,): whether each example is finite. A thread owns a pixel and sums its entries of g
// in order: the columns entries[starts[pixel]], ..., entries[starts[pixel + 1] - 1] of g. No two threads write to one
// place, so there are no atomics, and two runs agree bit for bit.

extern "C" __global__ void __launch_bounds__(THREADS)
    pool_scattered(const real *g, const real *taps_y, const real *taps_x, const int *starts, const int *entries,
                   real *out, bool *finite, long long n, long long k)
{
    extern __shared__ real shared[];
    const long long first = (long long)blockIdx.x * IMAGES;
    const int here = n - first < IMAGES ? n - first : IMAGES;
    real *input = images(shared);
    for (int i = threadIdx.x; i < IMAGES * TALL; i += THREADS) {
        int image = i / TALL, at = i % TALL - HALF * ROW;
        real sum = 0;
        if (image < here && at >= 0 && at < SIZE)
            for (int e = starts[at]; e < starts[at + 1]; e++)
                sum += g[(first + image) * k + entries[e]];
        input[i] = sum;
    }
    const real *smoothed = smooth(taps_y, taps_x, shared);
    for (int image = threadIdx.x; image < here; image += THREADS)
        finite[first + image] = strange(shared)[image] == 0;
    for (int i = threadIdx.x; i < here * SIZE; i += THREADS)
        out[first * SIZE + i] = smoothed[i];
}
