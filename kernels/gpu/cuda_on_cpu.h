// Runs CUDA C on one thread of the processor, to test it where there is no device.
//
// A thread of a block is a fiber: it runs until __syncthreads() or its end, then the next one does. Which comes first is
// a parameter, so a missing barrier shows as a result that depends on the order, or as NaN: shared memory is filled with
// it when a block begins. A barrier that not all threads reach, a bad address, a division of integers by zero and a
// write around the shared memory that was asked for end the launch with a message that names block and thread.
//
// Dynamic shared memory only, as `extern __shared__ real shared[];`. No warp intrinsics, no atomics: no kernel has any.

#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
#define __device__ static
#define __shared__
#define __launch_bounds__(...)
#define __syncthreads() cuda::barrier(__COUNTER__, __LINE__)

#pragma GCC visibility push(hidden) // no other library's
struct Index
{
    unsigned x, y, z;
};
extern Index threadIdx, blockIdx, blockDim, gridDim;

namespace cuda
{
using Body = void (*)(void **);
void barrier(int site, int line);
int launch(Body kernel, const unsigned *grid, const unsigned *block, size_t bytes, void **arguments, unsigned seed,
           uint64_t blocks);
} // namespace cuda
#pragma GCC visibility pop

static inline float __int_as_float(int bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

namespace cuda
{
template <class... A, size_t... I> static void call(void (*kernel)(A...), void **a, std::index_sequence<I...>)
{
    kernel(*(A *)a[I]...);
}

template <class... A> static int sizes_of(void (*)(A...), int *sizes)
{
    const int all[] = {(int)sizeof(A)..., 0};
    memcpy(sizes, all, sizeof all);
    return sizeof...(A);
}

template <class... A> static void call(void (*kernel)(A...), void **a)
{
    call(kernel, a, std::index_sequence_for<A...>{});
}
} // namespace cuda

// One after the source, for each kernel: how a launch reaches it, and the bytes of each argument.
#define CUDA_KERNEL(name)                                                                                             \
    extern "C" int sizes_##name(int *sizes)                                                                           \
    {                                                                                                                 \
        return cuda::sizes_of(name, sizes);                                                                           \
    }                                                                                                                 \
    extern "C" int launch_##name(const unsigned *grid, const unsigned *block, size_t bytes, void **arguments,         \
                                 unsigned seed, uint64_t blocks)                                                      \
    {                                                                                                                 \
        return cuda::launch([](void **a) { cuda::call(name, a); }, grid, block, bytes, arguments, seed, blocks);      \
    }
