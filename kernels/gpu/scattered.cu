// out = g S^T K, where S = I[:, alpha], for the columns of all dictionaries at once: the adjoint of gathered.cu.
//
// g (n, k), out (n, SIZE), finite (n,): whether an example is. A thread owns a pixel, and adds up what belongs there in
// order: entries[starts[pixel]], ..., entries[starts[pixel + 1] - 1] say which of the k that is. No two threads write
// to one place, so there are no atomics, and two runs agree bit for bit.

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
