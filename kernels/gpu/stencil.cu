// v K for images on a grid, K = K_y (x) K_x: down the columns, then along the rows, all in shared memory.
//
// The launcher puts this text before that of a kernel, and says what `real`, THREADS, IMAGES, HEIGHT, WIDTH, HALF and RUN
// are: with the sizes known, no index needs a division. A block filters IMAGES images at once; `here` of them exist, the
// others are zeros. In the middle of its 2 HALF + 1 taps lies the output's own pixel, and outside of an image are zeros.
//
// A thread makes a strip of RUN outputs, along which it holds RUN inputs in registers: of the RUN + 2 HALF that it
// reads from shared memory each is used up to RUN times. Strips lie beside each other across threads; rows that are an
// odd number of elements apart put the second pass's reads, one row a thread, into different banks.

#define TAPS (2 * HALF + 1)
#define SIZE (HEIGHT * WIDTH)
#define TALL ((HEIGHT + 2 * HALF) * WIDTH) // an image with HALF rows of zeros above and below
#define PITCH ((WIDTH + 2 * HALF + 1) | 1) // a row with HALF zeros before it, and one or two more behind it
#define SIDES (PITCH - WIDTH)              // the zeros of a row, at least one

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

// Filter the images that begin with number `first`, and return where in shared memory they lie, (IMAGES, SIZE).
__device__ const real *filter(const real *v, const real *taps_y, const real *taps_x, real *shared, long long first,
                              int here)
{
    real *down = shared, *across = down + TAPS;
    real *input = across + TAPS;           // (IMAGES, TALL)
    real *between = input + IMAGES * TALL; // (IMAGES, HEIGHT, PITCH)
    real *output = input;                  // (IMAGES, SIZE): the input is no longer needed by then

    for (int i = threadIdx.x; i < TAPS; i += THREADS) {
        down[i] = taps_y[i];
        across[i] = taps_x[i];
    }
    for (int i = threadIdx.x; i < IMAGES * TALL; i += THREADS) {
        int image = i / TALL, at = i % TALL - HALF * WIDTH;
        input[i] = image < here && at >= 0 && at < SIZE ? v[(first + image) * SIZE + at] : 0;
    }
    for (int i = threadIdx.x; i < IMAGES * HEIGHT * SIDES; i += THREADS) {
        int x = i % SIDES;
        between[i / SIDES * PITCH + (x < HALF ? x : x + WIDTH)] = 0;
    }
    __syncthreads();

    const int down_strips = (HEIGHT + RUN - 1) / RUN, across_strips = (WIDTH + RUN - 1) / RUN;
    for (int i = threadIdx.x; i < IMAGES * down_strips * WIDTH; i += THREADS) {
        int x = i % WIDTH, top = i / WIDTH % down_strips * RUN, image = i / WIDTH / down_strips;
        real sums[RUN];
        slide(input + image * TALL + top * WIDTH + x, WIDTH, HEIGHT + 2 * HALF - top, down, sums);
#pragma unroll
        for (int r = 0; r < RUN; r++)
            if (top + r < HEIGHT)
                between[(image * HEIGHT + top + r) * PITCH + HALF + x] = sums[r];
    }
    __syncthreads();

    for (int i = threadIdx.x; i < IMAGES * across_strips * HEIGHT; i += THREADS) {
        int y = i % HEIGHT, left = i / HEIGHT % across_strips * RUN, image = i / HEIGHT / across_strips;
        real sums[RUN];
        slide(between + (image * HEIGHT + y) * PITCH + left, 1, WIDTH + 2 * HALF - left, across, sums);
#pragma unroll
        for (int r = 0; r < RUN; r++)
            if (left + r < WIDTH)
                output[image * SIZE + y * WIDTH + left + r] = sums[r];
    }
    __syncthreads();
    return output;
}
