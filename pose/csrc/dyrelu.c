/* DY-ReLU B and C with two pieces, forward and backward, for CPUs; called through ctypes by dyrelu_fused.py.

   y = min(pi, 1) * max(a1 * x + b1, a2 * x + b2), where a and b come from the means of x over space and pi from a
   softmax over a projection of x (pi is 1 for B). One pass over an image gives its means and its projection, a
   second one its result; as an image fits into a core's cache, memory is read once. Nothing is kept for the backward
   pass but x and what is small: coefficients, pi and the hidden layer.

   x is (n, c, hw), or (n, hw, c) with channels_last, in fp32 or bf16; all else is fp32. Sums are taken over blocks of
   positions, then over the blocks in order, so that the number of threads changes no bit of a result.               */

#include "dyrelu.h"

#include <stdlib.h>

enum { CACHE = 1 << 18, ENOUGH = 8 }; /* floats; images for which turning the weights pays */

int pose_interface(void) { return POSE_INTERFACE; }

/* The best level that the processor has, but none above `limit`, which is asked for by tests and measurements. */
static int highest = LEVELS - 1;

static int level_in_use(void) {
#if HAS_LEVELS
    __builtin_cpu_init();
    if (highest >= AVX512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return AVX512;
    if (highest >= AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return AVX2;
#endif
    return BASE;
}

int pose_limit(int limit) {
    highest = limit;
    return level_in_use();
}

static const Level *level(void) {
#if HAS_LEVELS
    int in_use = level_in_use();
    if (in_use == AVX512) return &dyrelu_avx512;
    if (in_use == AVX2) return &dyrelu_avx2;
#endif
    return &dyrelu_base;
}

/* B in fp32 does so little with each number that AVX-512 gains nothing: on a Zen 4 and a Zen 5 AVX2 was faster. */
static const Passes *passes_of(const Args *a, const Level *l) {
#if HAS_LEVELS
    if (l == &dyrelu_avx512 && !a->projection && !a->half) l = &dyrelu_avx2;
#endif
    return &l->passes[a->half];
}

/* Images whose x fits into the cache together, at least one; small ones share the reading of the weights. */
static int64_t group_size(const Args *a) {
    int64_t size = least(CACHE / (a->c * a->hw), (a->n + a->threads - 1) / a->threads);
    return size > 1 ? size : 1;
}

/* Passes over an image are shared by threads, a block each, where groups of images are not. */
#define FOR_PARTS                                                                                                     \
    _Pragma("omp parallel for schedule(static) num_threads(threads) if (threads > 1 && images * parts > 1)")          \
    for (int64_t j = 0; j < images * parts; j++)
#define PART ((Part){first + j / parts, j % parts * each, (j % parts + 1) * each})

static void forward_group(const Args *a, const Room *r, int64_t first, int64_t images, int threads) {
    int64_t blocks = num_blocks(a->hw), parts = threads > 1 ? blocks : 1, each = blocks / parts;
    const Level *l = level();
    const Passes *passes = passes_of(a, l);
    FOR_PARTS passes->read(a, r, PART);
    l->coefficients(a, r, first, images);
    FOR_PARTS passes->write(a, r, PART);
}

static void backward_group(const Args *a, const Room *r, int64_t first, int64_t images, int threads) {
    int64_t blocks = num_blocks(a->hw), parts = threads > 1 ? blocks : 1, each = blocks / parts;
    const Level *l = level();
    const Passes *passes = passes_of(a, l);
    FOR_PARTS passes->reduce(a, r, PART);
    l->gradients(a, r, first, images);
    FOR_PARTS passes->scatter(a, r, PART);
}

/* Threads take a group of images each; if there are fewer groups than threads, they share each group. */
static void run(const Args *a, const Room *r,
                void (*work)(const Args *a, const Room *r, int64_t first, int64_t images, int threads)) {
    int64_t size = group_size(a), groups = (a->n + size - 1) / size;
    int threads = (int)a->threads;
    if (threads > 1 && groups >= threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t g = 0; g < groups; g++) work(a, r, g * size, least(size, a->n - g * size), 1);
    } else
        for (int64_t g = 0; g < groups; g++) work(a, r, g * size, least(size, a->n - g * size), threads);
}

/* Returns 0, or 1 if memory ran out. */
int dyrelu_forward(const Args *a) {
    int64_t sums = a->n * num_blocks(a->hw) * a->c, turned = a->n >= ENOUGH ? 5 * a->c * a->hidden : 0;
    float *room = malloc((sums + turned) * sizeof(float));
    if (!room) return 1;
    Room r = {.sums = room};
    if (turned) {
        r.turned_w1 = room + sums, r.turned_w2 = r.turned_w1 + a->c * a->hidden;
        level()->turn(a->w1, a->hidden, a->c, r.turned_w1);
        level()->turn(a->w2, 4 * a->c, a->hidden, r.turned_w2);
    }
    run(a, &r, forward_group);
    free(room);
    return 0;
}

static void weight_gradients(const Args *a, const float *dout, const float *in, int64_t rows, int64_t columns,
                             float *dweight, float *dbias) {
    int64_t threads = a->threads, each = (rows + threads - 1) / threads;
    const Level *l = level();
#pragma omp parallel for schedule(static) num_threads((int)threads) if (threads > 1)
    for (int64_t t = 0; t < threads; t++)
        l->weight_gradients(dout, in, a->n, rows, columns, least(t * each, rows), least((t + 1) * each, rows), dweight,
                            dbias);
}

/* The same. */
int dyrelu_backward(const Args *a) {
    int64_t n = a->n, c = a->c, blocks = num_blocks(a->hw);
    float *room = malloc(n * (blocks * 5 * c + a->hw + c + 4 * c + a->hidden) * sizeof(float));
    if (!room) return 1;
    Room r = {.sums = room};
    r.dprojection = r.sums + n * blocks * 4 * c;
    r.dpi = r.dprojection + n * blocks * c, r.dcontext = r.dpi + n * a->hw;
    r.dpre = r.dcontext + n * c, r.dhidden = r.dpre + n * 4 * c;
    run(a, &r, backward_group);
    weight_gradients(a, r.dhidden, a->context, a->hidden, c, a->dw1, a->db1);
    weight_gradients(a, r.dpre, a->hidden_out, 4 * c, a->hidden, a->dw2, a->db2);
    if (a->projection) {
        memset(a->dprojection, 0, c * sizeof(float));
        for (int64_t i = 0; i < n * blocks; i++)
            for (int64_t k = 0; k < c; k++) a->dprojection[k] += r.dprojection[i * c + k];
    }
    free(room);
    return 0;
}
