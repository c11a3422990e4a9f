// v_alpha = v U, the definition: one thread an output, which adds up axis d in order.
//
// v (n, d), U (d, k), out (n, k), each row after row. Neighbouring threads hold neighbouring columns, so they read one
// element of v together and a contiguous run of U. The last block has threads past the end: they do nothing.
// The launcher says what `real` is.

extern "C" __global__ void pool_naive(const real *v, const real *U, real *out, long long n, long long d, long long k)
{
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n * k)
        return;
    const real *row = v + i / k * d;
    const real *column = U + i % k;
    real sum = 0;
    for (long long j = 0; j < d; j++)
        sum += row[j] * column[j * k];
    out[i] = sum;
}
