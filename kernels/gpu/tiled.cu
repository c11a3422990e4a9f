// v_alpha = v U with both factors in shared memory: a block computes TILE x TILE outputs, a thread EACH x EACH of them.
//
// v (n, d), U (d, k), out (n, k), C-contiguous. Shared memory holds DEPTH entries of axis d at a time, so an element is
// read from memory once for TILE outputs, and a thread does EACH^2 products with 2 EACH numbers from shared memory.
// A thread's rows and columns are TILE / EACH apart, so that neighbouring threads read and write neighbours.
// The tiles hold zeros outside of the matrices, so sums always run over DEPTH, in order.
// The launcher defines `real`, TILE, DEPTH and EACH; a block has (TILE / EACH)^2 threads.

#define ACROSS (TILE / EACH)
#define PITCH (TILE + 1) // row length of v's tile, stored transposed: its writes go to different banks

extern "C" __global__ void __launch_bounds__(THREADS)
    pool_tiled(const real *v, const real *U, real *out, long long n, long long d, long long k)
{
    extern __shared__ real shared[];
    real *rows = shared, *columns = shared + DEPTH * PITCH; // (DEPTH, PITCH) of v, (DEPTH, TILE) of U
    long long tiles = (k + TILE - 1) / TILE;
    long long top = blockIdx.x / tiles * TILE, left = blockIdx.x % tiles * TILE;
    int y = threadIdx.x / ACROSS, x = threadIdx.x % ACROSS;
    real sums[EACH][EACH] = {};
    for (long long start = 0; start < d; start += DEPTH) {
        for (int i = threadIdx.x; i < TILE * DEPTH; i += THREADS) {
            long long row = top + i / DEPTH, j = start + i % DEPTH;
            rows[i % DEPTH * PITCH + i / DEPTH] = row < n && j < d ? v[row * d + j] : 0;
        }
        for (int i = threadIdx.x; i < DEPTH * TILE; i += THREADS) {
            long long j = start + i / TILE, column = left + i % TILE;
            columns[i] = j < d && column < k ? U[j * k + column] : 0;
        }
        __syncthreads();
        for (int j = 0; j < DEPTH; j++) {
            real a[EACH], b[EACH];
#pragma unroll
            for (int e = 0; e < EACH; e++) {
                a[e] = rows[j * PITCH + y + e * ACROSS];
                b[e] = columns[j * TILE + x + e * ACROSS];
            }
#pragma unroll
            for (int e = 0; e < EACH; e++)
#pragma unroll
                for (int f = 0; f < EACH; f++)
                    sums[e][f] += a[e] * b[f];
        }
        __syncthreads();
    }
#pragma unroll
    for (int e = 0; e < EACH; e++)
#pragma unroll
        for (int f = 0; f < EACH; f++) {
            long long row = top + y + e * ACROSS, column = left + x + f * ACROSS;
            if (row < n && column < k)
                out[row * k + column] = sums[e][f];
        }
}
