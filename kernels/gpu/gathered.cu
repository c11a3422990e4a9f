// out = (v K)[:, alpha] for all columns at once: v is read once, out is written once.
//
// v (n, SIZE), alpha (k,), out (n, k), finite (n,): whether each image is finite. The kept pixels are read from the
// filtered images in shared memory; an index is read once for all IMAGES of a block. An index that is no pixel gives
// NaN, and nothing outside is read.

extern "C" __global__ void __launch_bounds__(THREADS)
    pool_gathered(const real *v, const real *taps_y, const real *taps_x, const int *alpha, real *out, bool *finite,
                  long long n, long long k)
{
    extern __shared__ real shared[];
    const long long first = (long long)blockIdx.x * IMAGES;
    const int here = n - first < IMAGES ? n - first : IMAGES;
    const real *filtered = filter(v, taps_y, taps_x, shared, first, here);
    for (int image = threadIdx.x; image < here; image += THREADS)
        finite[first + image] = strange(shared)[image] == 0;
    for (long long j = threadIdx.x; j < k; j += THREADS) {
        const int pixel = alpha[j];
        const bool inside = 0 <= pixel && pixel < SIZE;
        for (int image = 0; image < here; image++)
            out[(first + image) * k + j] = inside ? filtered[image * SIZE + pixel] : (real)__int_as_float(-1);
    }
}
