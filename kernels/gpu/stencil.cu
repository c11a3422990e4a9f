// v K for images on a grid, K = K_y (x) K_x (x) I: down the columns, then along the rows, all in shared memory.
//
// The launcher puts this text before that of a kernel, and defines `real`, THREADS, IMAGES, HEIGHT, WIDTH, CHANNELS,
// HALF and RUN: the sizes are constants, so no index needs a division. A block filters IMAGES images at once; `here` of
// them exist, the others are zeros. The middle one of the 2 HALF + 1 taps belongs to the output's own pixel. Outside of
// an image are zeros.
//
// A thread computes a strip of RUN outputs with RUN inputs in registers. It reads RUN + 2 HALF inputs from shared
// memory and uses each up to RUN times. Neighbouring threads take neighbouring strips. In the second pass each thread
// reads its own row; rows are an odd number of elements apart, so these reads are in different banks.

#define TAPS (2 * HALF + 1)
#define ROW (WIDTH * CHANNELS)
#define SIZE (HEIGHT * ROW)
#define TALL ((HEIGHT + 2 * HALF) * ROW) // an image with HALF rows of zeros above and below
#define BEFORE (HALF * CHANNELS)         // the zeros before a row
#define PITCH ((ROW + 2 * BEFORE + 1) | 1) // a row with as many behind it, and one or two more
#define SIDES (PITCH - ROW)                // the zeros of a row, at least one

// sums[r] = sum over t of taps[t] from[(r + t) step]; inputs from number `reach` on count as zeros.
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

// The input of `smooth` in shared memory, (IMAGES, TALL).
__device__ real *images(real *shared)
{
    return shared + 2 * TAPS;
}

// The flags of `smooth` in shared memory, (IMAGES,): 1 if an image holds NaN or infinity, else 0.
__device__ real *strange(real *shared)
{
    return images(shared) + IMAGES * (TALL + HEIGHT * PITCH);
}

// Filter the images, and return the result in shared memory, (IMAGES, SIZE). NaN and infinity stay at their own pixel,
// unless the middle tap is zero; they are looked for in the registers of the second pass.
__device__ const real *smooth(const real *taps_y, const real *taps_x, real *shared)
{
    real *down = shared, *across = down + TAPS;
    real *input = images(shared);
    real *between = input + IMAGES * TALL; // (IMAGES, HEIGHT, PITCH)
    real *output = input;                  // (IMAGES, SIZE): the input is no longer needed by then

    for (int i = threadIdx.x; i < TAPS; i += THREADS) {
        down[i] = taps_y[i];
        across[i] = taps_x[i];
    }
    for (int i = threadIdx.x; i < IMAGES; i += THREADS)
        strange(shared)[i] = 0;
    for (int i = threadIdx.x; i < IMAGES * HEIGHT * SIDES; i += THREADS) {
        int x = i % SIDES;
        between[i / SIDES * PITCH + (x < BEFORE ? x : x + ROW)] = 0;
    }
    __syncthreads();

    const int down_strips = (HEIGHT + RUN - 1) / RUN, across_strips = (WIDTH + RUN - 1) / RUN;
    for (int i = threadIdx.x; i < IMAGES * down_strips * ROW; i += THREADS) {
        int x = i % ROW, top = i / ROW % down_strips * RUN, image = i / ROW / down_strips;
        real sums[RUN];
        slide(input + image * TALL + top * ROW + x, ROW, HEIGHT + 2 * HALF - top, down, sums);
#pragma unroll
        for (int r = 0; r < RUN; r++)
            if (top + r < HEIGHT)
                between[(image * HEIGHT + top + r) * PITCH + BEFORE + x] = sums[r];
    }
    __syncthreads();

    for (int i = threadIdx.x; i < IMAGES * across_strips * HEIGHT * CHANNELS; i += THREADS) {
        int channel = i % CHANNELS, y = i / CHANNELS % HEIGHT;
        int left = i / CHANNELS / HEIGHT % across_strips * RUN, image = i / CHANNELS / HEIGHT / across_strips;
        const real *row = between + (image * HEIGHT + y) * PITCH;
        real sums[RUN];
        slide(row + left * CHANNELS + channel, CHANNELS, WIDTH + 2 * HALF - left, across, sums);
#pragma unroll
        for (int r = 0; r < RUN; r++)
            if (left + r < WIDTH) {
                output[image * SIZE + y * ROW + (left + r) * CHANNELS + channel] = sums[r];
                if (sums[r] - sums[r] != 0)
                    strange(shared)[image] = 1;
            }
    }
    __syncthreads();
    return output;
}

// Filter the `here` images of v from number `first` on.
__device__ const real *filter(const real *v, const real *taps_y, const real *taps_x, real *shared, long long first,
                              int here)
{
    real *input = images(shared);
    for (int i = threadIdx.x; i < IMAGES * TALL; i += THREADS) {
        int image = i / TALL, at = i % TALL - HALF * ROW;
        input[i] = image < here && at >= 0 && at < SIZE ? v[(first + image) * SIZE + at] : 0;
    }
    return smooth(taps_y, taps_x, shared);
}
