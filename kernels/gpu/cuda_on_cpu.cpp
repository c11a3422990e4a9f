// How a launch runs: compiled once, and linked to each source of kernels. cuda_on_cpu.h says what it does.

#include "cuda_on_cpu.h"

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <sys/mman.h>
#include <ucontext.h>

Index threadIdx, blockIdx, blockDim, gridDim;

namespace cuda
{
const size_t STACK = 64 << 10, GUARD = 4 << 10, SHARED = 232448; // bytes; the last is the most that an H100's block has
const unsigned THREADS = 1024;                                  // a block at most

struct Fiber
{
    bool begun, done;
    int site, line;
    jmp_buf state;
    char *stack;
};
static Fiber fibers[THREADS];
static unsigned current, order[THREADS];
static jmp_buf scheduler;
static sigjmp_buf failure;
static char message[512];
static Body body;
static void **arguments;
static uint64_t state; // of the random order

extern "C" char cuda_arena[GUARD + SHARED + GUARD];
char cuda_arena[GUARD + SHARED + GUARD] __attribute__((aligned(128)));
asm(".globl shared\n.set shared, cuda_arena + 4096"); // what the kernels call shared

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    const Index &b = blockIdx, &t = threadIdx;
    int n = snprintf(message, sizeof message, "block (%u, %u, %u), thread (%u, %u, %u): ", b.x, b.y, b.z, t.x, t.y, t.z);
    va_list more;
    va_start(more, format);
    vsnprintf(message + n, sizeof message - n, format, more);
    va_end(more);
}

void barrier(int site, int line)
{
    Fiber &fiber = fibers[current];
    fiber.site = site;
    fiber.line = line;
    if (!_setjmp(fiber.state))
        _longjmp(scheduler, 1);
}

static void live() // a fiber is one thread of one block after another
{
    for (;;) {
        body(arguments);
        Fiber &fiber = fibers[current];
        fiber.done = true;
        if (!_setjmp(fiber.state))
            _longjmp(scheduler, 1);
    }
}

__attribute__((noinline)) static void resume(Fiber &fiber)
{
    if (_setjmp(scheduler))
        return;
    if (fiber.begun)
        _longjmp(fiber.state, 1);
    fiber.begun = true;
    if (!fiber.stack)
        fiber.stack = (char *)mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, live, 0);
    setcontext(&context);
}

static unsigned draw(unsigned below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (state >> 11) % below;
}

static void choose_order(unsigned threads, unsigned seed) // 0 forward, 1 backward, others at random
{
    for (unsigned i = 0; i < threads; i++)
        order[i] = seed == 1 ? threads - 1 - i : i;
    for (unsigned i = threads; seed > 1 && i > 1; i--)
        std::swap(order[i - 1], order[draw(i)]);
}

static void enter(unsigned thread)
{
    current = thread;
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / blockDim.x / blockDim.y};
}

static bool run_block(unsigned threads, unsigned seed, size_t bytes)
{
    memset(cuda_arena, 0xff, GUARD + bytes + GUARD); // NaN, also around what was asked for
    for (unsigned i = 0; i < threads; i++)
        fibers[i].done = false;
    for (;;) {
        unsigned done = 0, waiting = 0;
        choose_order(threads, seed); // a new one after each barrier
        for (unsigned i = 0; i < threads; i++) {
            enter(order[i]);
            resume(fibers[order[i]]);
            if (fibers[order[i]].done)
                done++;
            else
                waiting = order[i];
        }
        if (done == threads)
            break;
        for (unsigned i = 0; i < threads; i++)
            if (fibers[i].done || fibers[i].site != fibers[waiting].site) {
                enter(waiting);
                int line = fibers[waiting].line;
                if (fibers[i].done)
                    say("waits in line %d at a barrier, but thread %u of %u has ended", line, i, threads);
                else
                    say("waits in line %d at a barrier, but thread %u in line %d", line, i, fibers[i].line);
                return false;
            }
    }
    for (size_t i = 0; i < GUARD; i++)
        if (cuda_arena[i] != -1 || cuda_arena[GUARD + bytes + i] != -1) {
            say("the block wrote outside of its %zu bytes of shared memory", bytes);
            return false;
        }
    return true;
}

static void on_signal(int number, siginfo_t *information, void *)
{
    say(number == SIGFPE ? "division of an integer by zero" : "bad address %p", information->si_addr);
    siglongjmp(failure, 1);
}

static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE};

struct Traps // for the time of a launch
{
    struct sigaction before[3];
    stack_t stack_before;
    Traps()
    {
        static char memory[64 << 10];
        stack_t stack = {};
        stack.ss_sp = memory;
        stack.ss_size = sizeof memory;
        sigaltstack(&stack, &stack_before);
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        for (int i = 0; i < 3; i++)
            sigaction(SIGNALS[i], &action, &before[i]);
    }
    ~Traps()
    {
        for (int i = 0; i < 3; i++)
            sigaction(SIGNALS[i], &before[i], nullptr);
        sigaltstack(&stack_before, nullptr);
    }
};

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

// `blocks` of the grid run, the last ones: all, but for a test of indices beyond 2^31. Returns 0, or 1 with a message.
int launch(Body kernel, const unsigned *grid, const unsigned *block, size_t bytes, void **given, unsigned seed,
           uint64_t blocks)
{
    body = kernel;
    arguments = given;
    const unsigned threads = block[0] * block[1] * block[2];
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    state = 0x9e3779b97f4a7c15u * (seed + 1);
    Traps traps;
    if (sigsetjmp(failure, 1)) {
        for (Fiber &fiber : fibers) // stopped wherever they were: each begins anew
            fiber.begun = false;
        return 1;
    }
    const uint64_t all = (uint64_t)grid[0] * grid[1] * grid[2], skipped = all - (blocks < all ? blocks : all);
    const uint64_t count = all - skipped;
    uint64_t stride = count ? 2654435761u % count : 1; // of a walk over all blocks in another order
    while (common_divisor(stride, count) > 1)
        stride++;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t b = skipped + (seed == 0 ? i : seed == 1 ? count - 1 - i : (i * stride + seed) % count);
        blockIdx = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]), (unsigned)(b / grid[0] / grid[1])};
        if (!run_block(threads, seed, bytes)) {
            for (Fiber &fiber : fibers)
                fiber.begun = false;
            return 1;
        }
    }
    return 0;
}
} // namespace cuda

extern "C" const char *cuda_message()
{
    return cuda::message;
}
