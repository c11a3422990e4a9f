// v K for images on a grid, K = K_y (x) K_x: down the columns, then along the rows, all in shared memory.
//
// The launcher puts this text before that of a kernel, and says what `real`, THREADS, IMAGES, HALF and RUN are. A block
// filters IMAGES images at once; those past the last, `here` of them exist, are zeros. In the middle of its 2 HALF + 1
// taps lies the output's own pixel, and outside of an image there are zeros.
//
// A thread makes a strip of RUN outputs, along which it holds RUN inputs in registers: of the RUN + 2 HALF that it
// reads from shared memory each is used up to RUN times. Strips lie beside each other across threads; rows that are an
// odd number of elements apart put the second pass's reads, one row a thread, into different banks.

#define TAPS (2 * HALF + 1)

// sums[r] = sum over t of taps[t] from[(r + t) step], where only the first `reach` inputs exist.
__device__ void slide(const real *from, int step, int reach, const real *taps, real *sums)
{
    real window[RUN];
#pragma unroll
    for (int r = 0; r < RUN; r++) {
        sums[r] = 0;
        window[r] = r < reach ? from[r * step] : 0;
    }
#pragma unroll
    for (int t = 0; t < TAPS; t++) {
        real tap = taps[t];
#pragma unroll
        for (int r = 0; r < RUN; r++)
            sums[r] += tap * window[(t + r) % RUN];
        window[t % RUN] = t + RUN < reach ? from[(t + RUN) * step] : 0;
    }
}

// Filter the images that begin with number `first`, and return where in shared memory they lie, (IMAGES, height width).
__device__ const real *filter(const real *v, const real *taps_y, const real *taps_x, real *shared, long long first,
                              int here, int height, int width)
{
    const int size = height * width, tall = (height + 2 * HALF) * width, pitch = (width + 2 * HALF) | 1;
    real *down = shared, *across = down + TAPS;
    real *input = across + TAPS;          // (IMAGES, HALF + height + HALF, width)
    real *between = input + IMAGES * tall; // (IMAGES, height, pitch): HALF zeros at both ends of a row, or one more
    real *output = input;                 // (IMAGES, height width): the input is no longer needed by then

    for (int i = threadIdx.x; i < TAPS; i += THREADS) {
        down[i] = taps_y[i];
        across[i] = taps_x[i];
    }
    for (int i = threadIdx.x; i < IMAGES * tall; i += THREADS) {
        int image = i / tall, at = i % tall - HALF * width;
        input[i] = image < here && at >= 0 && at < size ? v[(first + image) * size + at] : 0;
    }
    for (int i = threadIdx.x; i < IMAGES * height * pitch; i += THREADS) {
        int x = i % pitch - HALF;
        if (x < 0 || x >= width)
            between[i] = 0;
    }
    __syncthreads();

    const int down_strips = (height + RUN - 1) / RUN, across_strips = (width + RUN - 1) / RUN;
    for (int i = threadIdx.x; i < IMAGES * down_strips * width; i += THREADS) {
        int x = i % width, top = i / width % down_strips * RUN, image = i / width / down_strips;
        real sums[RUN];
        slide(input + image * tall + top * width + x, width, height + 2 * HALF - top, down, sums);
#pragma unroll
        for (int r = 0; r < RUN; r++)
            if (top + r < height)
                between[(image * height + top + r) * pitch + HALF + x] = sums[r];
    }
    __syncthreads();

    for (int i = threadIdx.x; i < IMAGES * across_strips * height; i += THREADS) {
        int y = i % height, left = i / height % across_strips * RUN, image = i / height / across_strips;
        real sums[RUN];
        slide(between + (image * height + y) * pitch + left, 1, width + 2 * HALF - left, across, sums);
#pragma unroll
        for (int r = 0; r < RUN; r++)
            if (left + r < width)
                output[image * size + y * width + left + r] = sums[r];
    }
    __syncthreads();
    return output;
}
