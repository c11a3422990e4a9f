// v_alpha = v U, the definition: a thread per output sums axis d in order.
//
// v (n, d), U (d, k), out (n, k), C-contiguous. Neighbouring threads compute neighbouring columns, so they read one
// element of v together and a contiguous run of U. Threads past the end do nothing. The launcher defines `real`.

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
