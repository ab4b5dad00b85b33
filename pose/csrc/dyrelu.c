/* DY-ReLU B and C with two pieces, forward and backward, for CPUs; called through ctypes by dyrelu_fused.py.

   y = min(pi, 1) * max(a1 * x + b1, a2 * x + b2), where a and b come from the means of x over space and pi from a
   softmax over a projection of x (pi is 1 for B). One pass over an image gives its means and its projection, a
   second one its result; as an image fits into a core's cache, memory is read once. Nothing is kept for the backward
   pass but x and what is small: coefficients, pi and the hidden layer.

   x is (n, c, hw), or (n, hw, c) with channels_last, fp32. Sums are taken over blocks of positions, then over the
   blocks in order, so that the number of threads changes no bit of a result.                                        */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "processor.h"

#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 2048, CACHE = 1 << 18, AHEAD = 1024, LINE = 16 }; /* positions, then floats */

typedef struct {
    int64_t n, c, hw, hidden, channels_last, threads;
    float lambda_a, lambda_b, gamma, tau;
    const float *alpha, *beta; /* (2) */
    const float *x;
    const float *w1, *b1;    /* (hidden, c), (hidden) */
    const float *w2, *b2;    /* (4 c, hidden), (4 c); rows: a1, a2, b1, b2 */
    const float *projection; /* (c), NULL for B */
    float *context;          /* (n, c) means */
    float *hidden_out;       /* (n, hidden) after ReLU */
    float *coefficients;     /* (n, 4, c) */
    float *pi;               /* (n, hw) before the minimum with 1, NULL for B */
    float *y;
    const float *dy; /* from here on: backward only */
    float *dx;
    float *dpre;        /* (n, 4 c) gradient before the sigmoid */
    float *dhidden;     /* (n, hidden) gradient before the ReLU */
    float *dprojection; /* (n, c), NULL for B */
} Args;

INLINE float min1(float v) { return v < 1.0f ? v : 1.0f; }

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

/* Ask for what will be read soon. Processors do so by themselves, but not past the end of a page of 4 kB. */
INLINE void fetch(const float *v, int64_t count) {
    for (int64_t i = 0; i < count; i += LINE) PREFETCH(v + AHEAD + i);
}

static int64_t num_blocks(int64_t hw) { return (hw + BLOCK - 1) / BLOCK; }

/* First position of a block: equal parts, at multiples of a vector's length. */
static int64_t block_start(int64_t hw, int64_t block) {
    int64_t blocks = num_blocks(hw), size = ((hw + blocks - 1) / blocks + 15) / 16 * 16;
    return block * size < hw ? block * size : hw;
}

/* Sums of x over each block's positions (blocks, c), and, for C, the projection at each of them. */
CLONES static void read_blocks(const Args *a, int64_t image, int64_t block, int64_t end, float *sums, float *z) {
    int64_t c = a->c, hw = a->hw;
    const float *w = a->projection;
    if (a->channels_last) {
        for (int64_t b = block; b < end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start, p = 0;
            const float *x0 = a->x + (image * hw + start) * c;
            float *s = sums + b * c;
            memset(s, 0, c * sizeof(float));
            for (; p + 4 <= size; p += 4, x0 += 4 * c) { /* four positions share the reading of the sums */
                const float *x1 = x0 + c, *x2 = x1 + c, *x3 = x2 + c;
                float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
                fetch(x0, 4 * c);
                if (!w) {
#pragma omp simd
                    for (int64_t k = 0; k < c; k++) s[k] += x0[k] + x1[k] + (x2[k] + x3[k]);
                    continue;
                }
#pragma omp simd reduction(+ : d0, d1, d2, d3)
                for (int64_t k = 0; k < c; k++) {
                    s[k] += x0[k] + x1[k] + (x2[k] + x3[k]);
                    d0 += w[k] * x0[k], d1 += w[k] * x1[k], d2 += w[k] * x2[k], d3 += w[k] * x3[k];
                }
                float *out = z + start + p;
                out[0] = d0, out[1] = d1, out[2] = d2, out[3] = d3;
            }
            for (; p < size; p++, x0 += c) {
                float dot = 0;
                if (w)
#pragma omp simd reduction(+ : dot)
                    for (int64_t k = 0; k < c; k++) s[k] += x0[k], dot += w[k] * x0[k];
                else
#pragma omp simd
                    for (int64_t k = 0; k < c; k++) s[k] += x0[k];
                if (w) z[start + p] = dot;
            }
        }
        return;
    }
    if (w) memset(z + block_start(hw, block), 0, (block_start(hw, end) - block_start(hw, block)) * sizeof(float));
    for (int64_t k = 0, step; k < c; k += step) {
        step = w && k + 4 <= c ? 4 : 1; /* four channels at a time, as z is read and written for each */
        for (int64_t b = block; b < end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            const float *x0 = a->x + (image * c + k) * hw + start;
            float *s = sums + b * c + k, *out = w ? z + start : NULL, s0 = 0, s1 = 0, s2 = 0, s3 = 0;
            if (step == 4) {
                const float *x1 = x0 + hw, *x2 = x1 + hw, *x3 = x2 + hw;
                float w0 = w[k], w1 = w[k + 1], w2 = w[k + 2], w3 = w[k + 3];
#pragma omp simd reduction(+ : s0, s1, s2, s3)
                for (int64_t p = 0; p < size; p++) {
                    s0 += x0[p], s1 += x1[p], s2 += x2[p], s3 += x3[p];
                    out[p] += w0 * x0[p] + w1 * x1[p] + w2 * x2[p] + w3 * x3[p];
                }
                s[0] = s0, s[1] = s1, s[2] = s2, s[3] = s3;
                continue;
            }
#pragma omp simd reduction(+ : s0)
            for (int64_t p = 0; p < size; p++) s0 += x0[p];
            if (w)
#pragma omp simd
                for (int64_t p = 0; p < size; p++) out[p] += w[k] * x0[p];
            s[0] = s0;
        }
    }
}

/* out[image][row] = weight[row] . in[image] + bias[row]; four rows at a time, each read once for all images. */
CLONES static void linear(const float *weight, const float *bias, int64_t rows, int64_t columns, const float *in,
                          float *out, int64_t images) {
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

/* From sums to means, coefficients and pi, for the images of a group. `sums` is (images, blocks, c). */
CLONES static void make_coefficients(const Args *a, int64_t first, int64_t images, const float *sums) {
    int64_t c = a->c, hw = a->hw, blocks = num_blocks(hw);
    float *context = a->context + first * c, *hidden = a->hidden_out + first * a->hidden;
    float *coefficients = a->coefficients + first * 4 * c;
    for (int64_t i = 0; i < images; i++)
        for (int64_t k = 0; k < c; k++) {
            float sum = 0;
            for (int64_t b = 0; b < blocks; b++) sum += sums[(i * blocks + b) * c + k];
            context[i * c + k] = sum / (float)hw;
        }
    linear(a->w1, a->b1, a->hidden, c, context, hidden, images);
    for (int64_t k = 0; k < images * a->hidden; k++) hidden[k] = hidden[k] > 0 ? hidden[k] : 0;
    linear(a->w2, a->b2, 4 * c, a->hidden, hidden, coefficients, images);
    for (int64_t i = 0; i < images; i++) {
        for (int64_t row = 0; row < 4; row++) {
            float start = row < 2 ? a->alpha[row] : a->beta[row - 2], range = row < 2 ? a->lambda_a : a->lambda_b;
            float *v = coefficients + (i * 4 + row) * c;
#pragma omp simd
            for (int64_t k = 0; k < c; k++) v[k] = start + range * (2.0f / (1.0f + exp_(-v[k])) - 1.0f);
        }
        if (!a->projection) continue;
        float *pi = a->pi + (first + i) * hw, top = pi[0], sum = 0;
#pragma omp simd reduction(max : top)
        for (int64_t p = 0; p < hw; p++) top = pi[p] > top ? pi[p] : top;
        float inverse = 1.0f / a->tau;
#pragma omp simd reduction(+ : sum)
        for (int64_t p = 0; p < hw; p++) {
            pi[p] = exp_((pi[p] - top) * inverse);
            sum += pi[p];
        }
        float scale = a->gamma * (float)hw / sum;
#pragma omp simd
        for (int64_t p = 0; p < hw; p++) pi[p] *= scale;
    }
}

/* The result. */
CLONES static void write_blocks(const Args *a, int64_t image, int64_t block, int64_t end) {
    int64_t c = a->c, hw = a->hw;
    const float *a1 = a->coefficients + image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    const float *pi = a->pi ? a->pi + image * hw : NULL;
    int64_t first = block_start(hw, block), last = block_start(hw, end);
    if (a->channels_last) {
        for (int64_t p = first; p < last; p++) {
            const float *x = a->x + (image * hw + p) * c;
            float *y = a->y + (image * hw + p) * c, scale = pi ? min1(pi[p]) : 1.0f;
#pragma omp simd
            for (int64_t k = 0; k < c; k++) {
                float m1 = a1[k] * x[k] + b1[k], m2 = a2[k] * x[k] + b2[k];
                y[k] = scale * (m1 >= m2 ? m1 : m2);
            }
        }
        return;
    }
    for (int64_t k = 0; k < c; k++) {
        const float *x = a->x + (image * c + k) * hw;
        const float s1 = a1[k], s2 = a2[k], t1 = b1[k], t2 = b2[k];
        float *y = a->y + (image * c + k) * hw;
        if (pi)
#pragma omp simd
            for (int64_t p = first; p < last; p++) {
                float m1 = s1 * x[p] + t1, m2 = s2 * x[p] + t2;
                y[p] = min1(pi[p]) * (m1 >= m2 ? m1 : m2);
            }
        else
#pragma omp simd
            for (int64_t p = first; p < last; p++) {
                float m1 = s1 * x[p] + t1, m2 = s2 * x[p] + t2;
                y[p] = m1 >= m2 ? m1 : m2;
            }
    }
}

/* Gradients that are sums, of a block in channels_last: of the coefficients (4, c), and of pi, over channels. */
CLONES static void reduce_block(const Args *a, int64_t image, int64_t block, float *sums, float *dpi) {
    int64_t c = a->c, hw = a->hw, start = block_start(hw, block), size = block_start(hw, block + 1) - start;
    const float *a1 = a->coefficients + image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    const float *pi = a->pi ? a->pi + image * hw + start : NULL;
    memset(sums, 0, 4 * c * sizeof(float));
    float *u1 = sums, *u2 = u1 + c, *v1 = u2 + c, *v2 = v1 + c;
    int64_t offset = (image * hw + start) * c, p = 0;
    const float *x0 = a->x + offset, *g0 = a->dy + offset;
#define REDUCE(i)                                                                                                     \
    {                                                                                                                 \
    float m1 = a1[k] * x##i[k] + b1[k], m2 = a2[k] * x##i[k] + b2[k], gp = g##i[k] * scale##i;                    \
    float one = m1 >= m2 ? gp : 0.0f, two = m1 >= m2 ? 0.0f : gp;                                                 \
    dot##i += g##i[k] * (m1 >= m2 ? m1 : m2);                                                                     \
    s1 += one * x##i[k], s2 += two * x##i[k], t1 += one, t2 += two;                                               \
    }
    for (; p + 4 <= size; p += 4, x0 += 4 * c, g0 += 4 * c) { /* four positions share the reading of the sums */
        const float *x1 = x0 + c, *x2 = x1 + c, *x3 = x2 + c, *g1 = g0 + c, *g2 = g1 + c, *g3 = g2 + c;
        float scale0 = pi ? min1(pi[p]) : 1, scale1 = pi ? min1(pi[p + 1]) : 1;
        float scale2 = pi ? min1(pi[p + 2]) : 1, scale3 = pi ? min1(pi[p + 3]) : 1;
        float dot0 = 0, dot1 = 0, dot2 = 0, dot3 = 0;
        fetch(x0, 4 * c), fetch(g0, 4 * c);
#pragma omp simd reduction(+ : dot0, dot1, dot2, dot3)
        for (int64_t k = 0; k < c; k++) {
            float s1 = 0, s2 = 0, t1 = 0, t2 = 0;
            REDUCE(0) REDUCE(1) REDUCE(2) REDUCE(3)
            u1[k] += s1, u2[k] += s2, v1[k] += t1, v2[k] += t2;
        }
        if (!pi) continue;
        float *out = dpi + start + p;
        out[0] = dot0, out[1] = dot1, out[2] = dot2, out[3] = dot3;
    }
    for (; p < size; p++, x0 += c, g0 += c) {
        float scale0 = pi ? min1(pi[p]) : 1, dot0 = 0;
#pragma omp simd reduction(+ : dot0)
        for (int64_t k = 0; k < c; k++) {
            float s1 = 0, s2 = 0, t1 = 0, t2 = 0;
            REDUCE(0)
            u1[k] += s1, u2[k] += s2, v1[k] += t1, v2[k] += t2;
        }
        if (pi) dpi[start + p] = dot0;
    }
#undef REDUCE
}

/* The same of contiguous blocks (blocks, 4, c), a channel's one after another, as they lie in memory. */
CLONES static void reduce_contiguous(const Args *a, int64_t image, int64_t block, int64_t end, float *sums, float *dpi) {
    int64_t c = a->c, hw = a->hw;
    const float *a1 = a->coefficients + image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    if (a->pi) memset(dpi + block_start(hw, block), 0, (block_start(hw, end) - block_start(hw, block)) * sizeof(float));
    for (int64_t k = 0; k < c; k++)
        for (int64_t b = block; b < end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            int64_t offset = (image * c + k) * hw + start;
            const float *x = a->x + offset, *g = a->dy + offset, *pi = a->pi ? a->pi + image * hw + start : NULL;
            const float s1 = a1[k], s2 = a2[k], t1 = b1[k], t2 = b2[k];
            float u1 = 0, u2 = 0, v1 = 0, v2 = 0, *out = dpi + start, *s = sums + b * 4 * c + k;
            if (pi)
#pragma omp simd reduction(+ : u1, u2, v1, v2)
                for (int64_t p = 0; p < size; p++) {
                    float m1 = s1 * x[p] + t1, m2 = s2 * x[p] + t2, gp = g[p] * min1(pi[p]);
                    out[p] += g[p] * (m1 >= m2 ? m1 : m2);
                    float one = m1 >= m2 ? gp : 0.0f, two = m1 >= m2 ? 0.0f : gp;
                    u1 += one * x[p], u2 += two * x[p], v1 += one, v2 += two;
                }
            else
#pragma omp simd reduction(+ : u1, u2, v1, v2)
                for (int64_t p = 0; p < size; p++) {
                    float m1 = s1 * x[p] + t1, m2 = s2 * x[p] + t2;
                    float one = m1 >= m2 ? g[p] : 0.0f, two = m1 >= m2 ? 0.0f : g[p];
                    u1 += one * x[p], u2 += two * x[p], v1 += one, v2 += two;
                }
            s[0] = u1, s[c] = u2, s[2 * c] = v1, s[3 * c] = v2;
        }
}

/* Gradients that are sums: of the coefficients, over each block (blocks, 4, c), and of pi, over channels. */
CLONES static void reduce_blocks(const Args *a, int64_t image, int64_t block, int64_t end, float *sums, float *dpi) {
    int64_t c = a->c;
    if (!a->channels_last) {
        reduce_contiguous(a, image, block, end, sums, dpi);
        return;
    }
    for (int64_t b = block; b < end; b++) reduce_block(a, image, b, sums + b * 4 * c, dpi);
}

/* in_gradient[image] += weight^T out_gradient[image] */
CLONES static void linear_backward(const float *weight, int64_t rows, int64_t columns, const float *dout, float *din,
                            int64_t images) {
    memset(din, 0, images * columns * sizeof(float));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < images; i++) {
            float d = dout[i * rows + r], *v = din + i * columns;
            const float *w = weight + r * columns;
#pragma omp simd
            for (int64_t k = 0; k < columns; k++) v[k] += d * w[k];
        }
}

/* Back through the coefficients to the means (dcontext: images, c), and from pi to its projection (dpi, in place).
   `sums` is (images, blocks, 4, c).                                                                                */
CLONES static void make_gradients(const Args *a, int64_t first, int64_t images, const float *sums, float *dpi,
                                  float *dcontext) {
    int64_t c = a->c, hw = a->hw, blocks = num_blocks(hw);
    float *dpre = a->dpre + first * 4 * c, *dhidden = a->dhidden + first * a->hidden;
    const float *hidden = a->hidden_out + first * a->hidden, *coefficients = a->coefficients + first * 4 * c;
    for (int64_t i = 0; i < images; i++)
        for (int64_t row = 0; row < 4; row++) {
            float start = row < 2 ? a->alpha[row] : a->beta[row - 2], range = row < 2 ? a->lambda_a : a->lambda_b;
            float inverse = range != 0 ? 1.0f / range : 0.0f;
            for (int64_t k = 0; k < c; k++) {
                float sum = 0;
                for (int64_t b = 0; b < blocks; b++) sum += sums[((i * blocks + b) * 4 + row) * c + k];
                /* residual r = 2 s - 1 with s a sigmoid, whose derivative is s (1 - s) */
                float r = (coefficients[(i * 4 + row) * c + k] - start) * inverse;
                dpre[(i * 4 + row) * c + k] = sum * range * 0.5f * (1.0f - r * r);
            }
        }
    linear_backward(a->w2, 4 * c, a->hidden, dpre, dhidden, images);
    for (int64_t k = 0; k < images * a->hidden; k++) dhidden[k] = hidden[k] > 0 ? dhidden[k] : 0;
    linear_backward(a->w1, a->hidden, c, dhidden, dcontext, images);
    for (int64_t k = 0; k < images * c; k++) dcontext[k] /= (float)hw;
    if (!a->projection) return;
    float scale = a->gamma * (float)hw;
    for (int64_t i = 0; i < images; i++) {
        const float *pi = a->pi + (first + i) * hw;
        float *d = dpi + i * hw, mean = 0;
#pragma omp simd reduction(+ : mean)
        for (int64_t p = 0; p < hw; p++) {
            d[p] = pi[p] <= 1.0f ? d[p] * scale : 0.0f; /* a minimum with 1 that is reached passes nothing on */
            mean += d[p] * pi[p] / scale;
        }
#pragma omp simd
        for (int64_t p = 0; p < hw; p++) d[p] = pi[p] / scale * (d[p] - mean) / a->tau;
    }
}

/* dx of a block in channels_last: through the result, the means and the projection; and the projection's own
   gradient (c).                                                                                              */
CLONES static void scatter_block(const Args *a, int64_t image, int64_t block, const float *dz, const float *dcontext,
                                 float *dprojection) {
    int64_t c = a->c, hw = a->hw, start = block_start(hw, block), size = block_start(hw, block + 1) - start;
    const float *a1 = a->coefficients + image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    const float *pi = a->pi ? a->pi + image * hw + start : NULL, *w = a->projection;
    int64_t offset = (image * hw + start) * c, p = 0;
    const float *x0 = a->x + offset, *g0 = a->dy + offset;
    float *y0 = a->dx + offset;
    if (pi) memset(dprojection, 0, c * sizeof(float));
#define SCATTER(i) \
    y##i[k] = g##i[k] * scale##i * (a1[k] * x##i[k] + b1[k] >= a2[k] * x##i[k] + b2[k] ? a1[k] : a2[k]) + dc + d##i * weight
    for (; pi && p + 2 <= size; p += 2, x0 += 2 * c, g0 += 2 * c, y0 += 2 * c) {
        const float *x1 = x0 + c, *g1 = g0 + c;
        float scale0 = min1(pi[p]), scale1 = min1(pi[p + 1]), d0 = dz[start + p], d1 = dz[start + p + 1], *y1 = y0 + c;
        fetch(x0, 2 * c), fetch(g0, 2 * c), fetch(y0, 2 * c);
#pragma omp simd
        for (int64_t k = 0; k < c; k++) {
            float dc = dcontext[k], weight = w[k];
            SCATTER(0);
            SCATTER(1);
            dprojection[k] += d0 * x0[k] + d1 * x1[k];
        }
    }
    for (; p < size; p++, x0 += c, g0 += c, y0 += c) {
        float scale0 = pi ? min1(pi[p]) : 1, d0 = pi ? dz[start + p] : 0;
        if (pi)
#pragma omp simd
            for (int64_t k = 0; k < c; k++) dprojection[k] += d0 * x0[k];
#pragma omp simd
        for (int64_t k = 0; k < c; k++) {
            float dc = dcontext[k], weight = pi ? w[k] : 0;
            SCATTER(0);
        }
    }
#undef SCATTER
}

/* The same of contiguous blocks (blocks, c), a channel's one after another. */
CLONES static void scatter_contiguous(const Args *a, int64_t image, int64_t block, int64_t end, const float *dz,
                                      const float *dcontext, float *dprojection) {
    int64_t c = a->c, hw = a->hw;
    const float *a1 = a->coefficients + image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    for (int64_t k = 0; k < c; k++)
        for (int64_t b = block; b < end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            int64_t offset = (image * c + k) * hw + start;
            const float *x = a->x + offset, *g = a->dy + offset, *d = dz + start;
            const float *pi = a->pi ? a->pi + image * hw + start : NULL;
            const float s1 = a1[k], s2 = a2[k], t1 = b1[k], t2 = b2[k], dc = dcontext[k];
            float *dx = a->dx + offset;
            if (pi) {
                float sum = 0, weight = a->projection[k];
#pragma omp simd reduction(+ : sum)
                for (int64_t p = 0; p < size; p++) {
                    float slope = s1 * x[p] + t1 >= s2 * x[p] + t2 ? s1 : s2;
                    sum += d[p] * x[p];
                    dx[p] = g[p] * min1(pi[p]) * slope + dc + d[p] * weight;
                }
                dprojection[b * c + k] = sum;
            } else {
#pragma omp simd
                for (int64_t p = 0; p < size; p++) dx[p] = g[p] * (s1 * x[p] + t1 >= s2 * x[p] + t2 ? s1 : s2) + dc;
            }
        }
}

/* dx of blocks. */
static void scatter_blocks(const Args *a, int64_t image, int64_t block, int64_t end, const float *dz,
                           const float *dcontext, float *dprojection) {
    if (!a->channels_last) {
        scatter_contiguous(a, image, block, end, dz, dcontext, dprojection);
        return;
    }
    for (int64_t b = block; b < end; b++) scatter_block(a, image, b, dz, dcontext, dprojection + b * a->c);
}

/* Images whose x fits into the cache together, at least one; small ones share the reading of the weights. */
static int64_t group_size(const Args *a) {
    int64_t size = CACHE / (a->c * a->hw), fair = (a->n + a->threads - 1) / a->threads;
    size = size < fair ? size : fair;
    return size > 1 ? size : 1;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Passes over an image are shared by threads, a block each, where groups of images are not. */
#define FOR_PARTS                                                                                                     \
    _Pragma("omp parallel for schedule(static) num_threads(threads) if (threads > 1 && images * parts > 1)")          \
    for (int64_t j = 0; j < images * parts; j++)
#define IMAGE (j / parts)
#define BLOCKS (j % parts) * each, (j % parts + 1) * each

static void forward_group(const Args *a, int64_t first, int64_t images, float *sums, int threads) {
    int64_t blocks = num_blocks(a->hw), parts = threads > 1 ? blocks : 1, each = blocks / parts, c = a->c, hw = a->hw;
    FOR_PARTS read_blocks(a, first + IMAGE, BLOCKS, sums + IMAGE * blocks * c, a->pi ? a->pi + (first + IMAGE) * hw : NULL);
    make_coefficients(a, first, images, sums);
    FOR_PARTS write_blocks(a, first + IMAGE, BLOCKS);
}

static void backward_group(const Args *a, int64_t first, int64_t images, float *sums, int threads) {
    int64_t blocks = num_blocks(a->hw), parts = threads > 1 ? blocks : 1, each = blocks / parts, c = a->c, hw = a->hw;
    float *dprojection = sums + images * blocks * 4 * c;
    float *dpi = dprojection + images * blocks * c, *dcontext = dpi + images * hw;
    FOR_PARTS reduce_blocks(a, first + IMAGE, BLOCKS, sums + IMAGE * blocks * 4 * c, dpi + IMAGE * hw);
    make_gradients(a, first, images, sums, dpi, dcontext);
    FOR_PARTS scatter_blocks(a, first + IMAGE, BLOCKS, dpi + IMAGE * hw, dcontext + IMAGE * c,
                             dprojection + IMAGE * blocks * c);
    if (!a->projection) return;
    for (int64_t i = 0; i < images; i++)
        for (int64_t k = 0; k < c; k++) {
            float sum = 0;
            for (int64_t b = 0; b < blocks; b++) sum += dprojection[(i * blocks + b) * c + k];
            a->dprojection[(first + i) * c + k] = sum;
        }
}

/* Threads take a group of images each; if there are fewer groups than threads, they share each group.
   `per_image` is the room for sums, in floats. Returns 0, or 1 if memory ran out.                     */
static int run(const Args *a, int64_t per_image,
               void (*work)(const Args *a, int64_t first, int64_t images, float *sums, int threads)) {
    int64_t size = group_size(a), groups = (a->n + size - 1) / size;
    int threads = (int)a->threads;
    float *sums = malloc(a->n * per_image * sizeof(float));
    if (!sums) return 1;
    if (threads > 1 && groups >= threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t g = 0; g < groups; g++)
            work(a, g * size, least(size, a->n - g * size), sums + g * size * per_image, 1);
    } else
        for (int64_t g = 0; g < groups; g++)
            work(a, g * size, least(size, a->n - g * size), sums + g * size * per_image, threads);
    free(sums);
    return 0;
}

int dyrelu_forward(const Args *a) { return run(a, num_blocks(a->hw) * a->c, forward_group); }

int dyrelu_backward(const Args *a) {
    return run(a, num_blocks(a->hw) * 5 * a->c + a->hw + a->c, backward_group);
}
