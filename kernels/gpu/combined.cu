// y = [(v K)[:, alpha_1] F_1, ..., (v K)[:, alpha_J] F_J] + b; the gathered v K is not written to memory.
//
// v (n, SIZE), alpha (k,) of all columns, F the (k_j, m_j) one after another, b (m,), y (n, m). A thread owns one unit
// of all IMAGES of a block. Row u of `units` (m, 4) has the start of the unit's alpha, their number, the index of its
// first weight, and the stride of its weights. Neighbouring units read neighbouring weights; those of one column read
// one pixel together. An index that is no pixel gives NaN.

extern "C" __global__ void __launch_bounds__(THREADS)
    pool_combined(const real *v, const real *taps_y, const real *taps_x, const int *alpha, const real *F, const real *b,
                  const long long *units, real *y, long long n, long long m)
{
    extern __shared__ real shared[];
    const long long first = (long long)blockIdx.x * IMAGES;
    const int here = n - first < IMAGES ? n - first : IMAGES;
    const real *filtered = filter(v, taps_y, taps_x, shared, first, here);
    for (long long u = threadIdx.x; u < m; u += THREADS) {
        const int *kept = alpha + units[4 * u];
        const long long count = units[4 * u + 1], apart = units[4 * u + 3];
        const real *weights = F + units[4 * u + 2];
        real sums[IMAGES] = {};
        for (long long i = 0; i < count; i++) {
            const int pixel = kept[i];
            const bool inside = 0 <= pixel && pixel < SIZE;
            const real weight = inside ? weights[i * apart] : (real)__int_as_float(-1);
            const real *values = filtered + (inside ? pixel : 0);
#pragma unroll
            for (int image = 0; image < IMAGES; image++)
                sums[image] += values[image * SIZE] * weight;
        }
#pragma unroll
        for (int image = 0; image < IMAGES; image++)
            if (image < here)
                y[(first + image) * m + u] = sums[image] + b[u];
    }
}
