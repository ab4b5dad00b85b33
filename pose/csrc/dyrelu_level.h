/* All of DY-ReLU that depends on the processor; included once for each level, with its LANES. */

#include "dyrelu.h"

#include "vectors.h"

/* How far ahead memory is asked for: elements, and bytes from there. */
#define AHEAD (2048 / (int64_t)sizeof(ELEMENT))
#define FAR 8192
#define FETCH(address) (PREFETCH(address), PREFETCH_FAR((const char *)(address) + FAR))

/* Positions that share the reading of what belongs to a channel. */
enum { READ_ROWS = 8, WRITE_ROWS = 4, REDUCE_ROWS = 4, SCATTER_ROWS = 4 };

INLINE float min1(float v) { return v > 1.0f ? 1.0f : v; } /* NaN stays, here and in what follows */

/* e^v to 2 units in the last place; Cephes' polynomial, in a form that compilers vectorise. */
INLINE float exp_(float v) {
    v = v > 88.0f ? 88.0f : v < -87.0f ? -87.0f : v;
    float k = v * 1.44269504f + 12582912.0f; /* rounds to an integer */
    union { float f; int32_t i; } u = {.f = k};
    k -= 12582912.0f;
    float r = v - k * 0.693359375f + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { float f; int32_t i; } s = {.i = (int32_t)((uint32_t)(u.i + 127) << 23)};
    return p * s.f;
}

/* `live` columns of one or eight rows of a matrix product, out[i] = bias + sum over q of a[i * down + q * right] b[q]. */
INLINE void product_tile(const float *a, int64_t down, int64_t right, const float *b, const float *bias, int64_t n,
                         int64_t k, int64_t rows, int64_t live, float *out) {
    V s0 = {0}, s1, s2, s3, s4, s5, s6, s7;
    if (bias) s0 = load(bias, live);
    s1 = s2 = s3 = s4 = s5 = s6 = s7 = s0;
    for (int64_t q = 0; q < k; q++, a += right, b += n) {
        V v = load(b, live);
        s0 += a[0] * v;
        if (rows == 1) continue;
        s1 += a[down] * v, s2 += a[2 * down] * v, s3 += a[3 * down] * v, s4 += a[4 * down] * v;
        s5 += a[5 * down] * v, s6 += a[6 * down] * v, s7 += a[7 * down] * v;
    }
    store(out, s0, live);
    if (rows == 1) return;
    store(out + n, s1, live), store(out + 2 * n, s2, live), store(out + 3 * n, s3, live);
    store(out + 4 * n, s4, live), store(out + 5 * n, s5, live), store(out + 6 * n, s6, live);
    store(out + 7 * n, s7, live);
}

INLINE void product_rows(const float *a, int64_t down, int64_t right, const float *b, const float *bias, int64_t n,
                         int64_t k, int64_t rows, float *out) {
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        product_tile(a, down, right, b + j, bias ? bias + j : NULL, n, k, rows, LANES, out + j);
    if (j < n) product_tile(a, down, right, b + j, bias ? bias + j : NULL, n, k, rows, n - j, out + j);
}

/* out (m, n) = bias (n) + a b, with b (k, n), and a (m, k) whose rows are `down` and columns `right` floats apart. */
static void product(const float *a, int64_t down, int64_t right, const float *b, const float *bias, int64_t m,
                    int64_t n, int64_t k, float *out) {
    int64_t i = 0;
    for (; i + 8 <= m; i += 8) product_rows(a + i * down, down, right, b, bias, n, k, 8, out + i * n);
    for (; i < m; i++) product_rows(a + i * down, down, right, b, bias, n, k, 1, out + i * n);
}

/* turned (columns, rows) = weight^T */
static void turn(const float *weight, int64_t rows, int64_t columns, float *turned) {
    for (int64_t r = 0; r < rows; r += 16)
        for (int64_t k = 0; k < columns; k++)
            for (int64_t q = r; q < least(r + 16, rows); q++) turned[k * rows + q] = weight[q * columns + k];
}

/* out[image][row] = weight[row] . in[image] + bias[row]; four rows at a time, each read once for all images. */
static void linear(const float *weight, const float *bias, int64_t rows, int64_t columns, const float *in, float *out,
                   int64_t images) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *w0 = weight + r * columns, *w1 = w0 + columns, *w2 = w1 + columns, *w3 = w2 + columns;
        for (int64_t i = 0; i < images; i++) {
            const float *v = in + i * columns;
            float d0 = bias[r], d1 = bias[r + 1], d2 = bias[r + 2], d3 = bias[r + 3], *o = out + i * rows + r;
#pragma omp simd reduction(+ : d0, d1, d2, d3)
            for (int64_t k = 0; k < columns; k++)
                d0 += w0[k] * v[k], d1 += w1[k] * v[k], d2 += w2[k] * v[k], d3 += w3[k] * v[k];
            o[0] = d0, o[1] = d1, o[2] = d2, o[3] = d3;
        }
    }
    for (; r < rows; r++)
        for (int64_t i = 0; i < images; i++) {
            float dot = bias[r];
            for (int64_t k = 0; k < columns; k++) dot += weight[r * columns + k] * in[i * columns + k];
            out[i * rows + r] = dot;
        }
}

/* out (c) = the sum of `blocks` rows of c floats, `apart` from one another. */
INLINE void add_blocks(const float *rows, int64_t blocks, int64_t apart, int64_t c, float *out) {
    if (blocks > 0) memcpy(out, rows, c * sizeof(float));
    else memset(out, 0, c * sizeof(float)); /* of maps without pixels */
    for (int64_t b = 1; b < blocks; b++)
#pragma omp simd
        for (int64_t k = 0; k < c; k++) out[k] += rows[b * apart + k];
}

static void make_attention(const Args *a, float *pi) {
    int64_t hw = a->hw;
    float top = pi[0], sum = 0, inverse = 1.0f / a->tau;
#pragma omp simd reduction(max : top)
    for (int64_t p = 0; p < hw; p++) top = pi[p] > top ? pi[p] : top;
#pragma omp simd reduction(+ : sum)
    for (int64_t p = 0; p < hw; p++) {
        pi[p] = exp_((pi[p] - top) * inverse);
        sum += pi[p];
    }
    float scale = a->gamma * (float)hw / sum;
#pragma omp simd
    for (int64_t p = 0; p < hw; p++) pi[p] *= scale;
}

static void make_coefficients(const Args *a, const Room *room, int64_t first, int64_t images) {
    int64_t c = a->c, hw = a->hw, blocks = num_blocks(hw);
    float *context = a->context + first * c, *hidden = a->hidden_out + first * a->hidden;
    float *coefficients = a->coefficients + first * 4 * c;
    const float *sums = room->sums + first * blocks * c;
    for (int64_t i = 0; i < images; i++) {
        add_blocks(sums + i * blocks * c, blocks, c, c, context + i * c);
        for (int64_t k = 0; k < c; k++) context[i * c + k] /= (float)hw;
    }
    if (room->turned_w1) product(context, c, 1, room->turned_w1, a->b1, images, a->hidden, c, hidden);
    else linear(a->w1, a->b1, a->hidden, c, context, hidden, images);
    for (int64_t k = 0; k < images * a->hidden; k++) hidden[k] = hidden[k] < 0 ? 0 : hidden[k];
    if (room->turned_w2) product(hidden, a->hidden, 1, room->turned_w2, a->b2, images, 4 * c, a->hidden, coefficients);
    else linear(a->w2, a->b2, 4 * c, a->hidden, hidden, coefficients, images);
    for (int64_t i = 0; i < images; i++) {
        for (int64_t row = 0; row < 4; row++) {
            float start = row < 2 ? a->alpha[row] : a->beta[row - 2], range = row < 2 ? a->lambda_a : a->lambda_b;
            float *v = coefficients + (i * 4 + row) * c;
#pragma omp simd
            for (int64_t k = 0; k < c; k++) v[k] = start + range * (2.0f / (1.0f + exp_(-v[k])) - 1.0f);
        }
        /* Where the first piece is NaN, so is the maximum; `write` would take the second one. */
        float *v = coefficients + i * 4 * c;
#pragma omp simd
        for (int64_t k = 0; k < c; k++) {
            float first = v[k] + v[2 * c + k];
            v[c + k] = first == first ? v[c + k] : first;
        }
        if (a->projection) make_attention(a, a->pi + (first + i) * hw);
    }
}

static void make_gradients(const Args *a, const Room *room, int64_t first, int64_t images) {
    int64_t c = a->c, hw = a->hw, blocks = num_blocks(hw);
    float *dpre = room->dpre + first * 4 * c, *dhidden = room->dhidden + first * a->hidden;
    float *dcontext = room->dcontext + first * c;
    const float *hidden = a->hidden_out + first * a->hidden, *coefficients = a->coefficients + first * 4 * c;
    const float *sums = room->sums + first * blocks * 4 * c;
    for (int64_t i = 0; i < images; i++)
        for (int64_t row = 0; row < 4; row++) {
            float start = row < 2 ? a->alpha[row] : a->beta[row - 2], range = row < 2 ? a->lambda_a : a->lambda_b;
            float inverse = range != 0 ? 1.0f / range : 0.0f, *d = dpre + (i * 4 + row) * c;
            const float *v = coefficients + (i * 4 + row) * c;
            add_blocks(sums + (i * blocks * 4 + row) * c, blocks, 4 * c, c, d);
#pragma omp simd
            for (int64_t k = 0; k < c; k++) {
                /* residual r = 2 s - 1 with s a sigmoid, whose derivative is s (1 - s) */
                float r = (v[k] - start) * inverse;
                d[k] = d[k] * range * 0.5f * (1.0f - r * r);
            }
        }
    product(dpre, 4 * c, 1, a->w2, NULL, images, a->hidden, 4 * c, dhidden);
    for (int64_t k = 0; k < images * a->hidden; k++) dhidden[k] = hidden[k] <= 0 ? 0 : dhidden[k];
    product(dhidden, a->hidden, 1, a->w1, NULL, images, c, a->hidden, dcontext);
    for (int64_t k = 0; k < images * c; k++) dcontext[k] /= (float)hw;
    if (!a->projection) return;
    float scale = a->gamma * (float)hw;
    for (int64_t i = 0; i < images; i++) {
        const float *pi = a->pi + (first + i) * hw;
        float *d = room->dpi + (first + i) * hw, mean = 0;
#pragma omp simd reduction(+ : mean)
        for (int64_t p = 0; p < hw; p++) {
            d[p] = pi[p] > 1.0f ? 0.0f : d[p] * scale; /* a minimum with 1 that is reached passes nothing on */
            mean += d[p] * pi[p] / scale;
        }
#pragma omp simd
        for (int64_t p = 0; p < hw; p++) d[p] = pi[p] / scale * (d[p] - mean) / a->tau;
    }
}

static void weight_gradients(const float *dout, const float *in, int64_t n, int64_t rows, int64_t columns,
                             int64_t first, int64_t last, float *dweight, float *dbias) {
    product(dout + first, 1, rows, in, NULL, last - first, columns, n, dweight + first * columns);
    add_blocks(dout + first, n, rows, last - first, dbias + first);
}

#define ELEMENT float
#define WIDE(value) (value)
#define NARROW(value) (value)
#define LOAD load
#define STORE store
#define OF(name) name##_of_float
#include "dyrelu_passes.h"

#undef ELEMENT
#undef WIDE
#undef NARROW
#undef LOAD
#undef STORE
#undef OF
#define ELEMENT uint16_t
#define WIDE widen_half
#define NARROW narrow_to_half
#define LOAD load_half
#define STORE store_half
#define OF(name) name##_of_half
#include "dyrelu_passes.h"

#define PASSES(type) {read_##type, write_##type, reduce_##type, scatter_##type}
const Level LEVEL = {{PASSES(of_float), PASSES(of_half)}, turn, make_coefficients, make_gradients, weight_gradients};
