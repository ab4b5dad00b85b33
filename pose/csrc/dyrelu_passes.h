/* The passes over x for one type of it; included for each, with its ELEMENT.

   In channels_last a few positions at a time are worked through in steps of LANES channels, so that what belongs to
   these is in registers. Processors do not see that memory is read in order then, so all of it is asked for: where
   results are read from the cache, `AHEAD` elements on, and where x comes from memory also FAR on, into the second
   level only, as the first one keeps few lines in flight. Results are asked for too, as a store that has to wait for
   its line holds up those behind it.                                                                                 */

/* `next` is how far ahead memory is asked for: the steps of all channels together ask for the same number of rows. */
INLINE void OF(read_step)(const ELEMENT *x, int64_t next, int64_t c, int64_t rows, const float *w, int64_t live,
                          float *sums, V *dots) {
    V sum = load(sums, live), weight = {0};
    const ELEMENT *next_x = x + next;
    if (w) weight = load(w, live);
    for (int64_t r = 0; r < rows; r++, x += c, next_x += LANES) {
        V v = LOAD(x, live);
        FETCH(next_x);
        sum += v;
        if (w) dots[r] += weight * v;
    }
    store(sums, sum, live);
}

INLINE void OF(read_rows)(const ELEMENT *x, int64_t c, int64_t rows, const float *w, float *sums, float *z) {
    int64_t k = 0;
    V dots[READ_ROWS] = {{0}};
    for (; k + LANES <= c; k += LANES)
        OF(read_step)(x + k, AHEAD + (rows - 1) * k, c, rows, w ? w + k : NULL, LANES, sums + k, dots);
    if (k < c) OF(read_step)(x + k, AHEAD + (rows - 1) * k, c, rows, w ? w + k : NULL, c - k, sums + k, dots);
    for (int64_t r = 0; w && r < rows; r++) z[r] = total(dots[r]);
}

INLINE void OF(read_block)(const ELEMENT *x, int64_t c, int64_t size, const float *w, float *sums, float *z) {
    int64_t p = 0;
    memset(sums, 0, c * sizeof(float));
    for (; p + READ_ROWS <= size; p += READ_ROWS) OF(read_rows)(x + p * c, c, READ_ROWS, w, sums, w ? z + p : NULL);
    if (p < size) OF(read_rows)(x + p * c, c, size - p, w, sums, w ? z + p : NULL);
}

static void OF(read)(const Args *a, const Room *room, Part part) {
    int64_t c = a->c, hw = a->hw, blocks = num_blocks(hw);
    const float *w = a->projection;
    float *sums = room->sums + part.image * blocks * c, *z = w ? a->pi + part.image * hw : NULL;
    const ELEMENT *image = (const ELEMENT *)a->x + part.image * hw * c;
    int64_t first = block_start(hw, part.block), last = block_start(hw, part.end);
    if (a->channels_last) {
        for (int64_t b = part.block; b < part.end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            if (w) OF(read_block)(image + start * c, c, size, w, sums + b * c, z + start);
            else OF(read_block)(image + start * c, c, size, NULL, sums + b * c, NULL);
        }
        return;
    }
    if (w) memset(z + first, 0, (last - first) * sizeof(float));
    for (int64_t k = 0, step; k < c; k += step) {
        step = w && k + 4 <= c ? 4 : 1; /* four channels at a time, as z is read and written for each */
        for (int64_t b = part.block; b < part.end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            const ELEMENT *x0 = image + k * hw + start;
            float *s = sums + b * c + k, *out = w ? z + start : NULL, s0 = 0, s1 = 0, s2 = 0, s3 = 0;
            if (step == 4) {
                const ELEMENT *x1 = x0 + hw, *x2 = x1 + hw, *x3 = x2 + hw;
                float w0 = w[k], w1 = w[k + 1], w2 = w[k + 2], w3 = w[k + 3];
#pragma omp simd reduction(+ : s0, s1, s2, s3)
                for (int64_t p = 0; p < size; p++) {
                    float v0 = WIDE(x0[p]), v1 = WIDE(x1[p]), v2 = WIDE(x2[p]), v3 = WIDE(x3[p]);
                    s0 += v0, s1 += v1, s2 += v2, s3 += v3;
                    out[p] += w0 * v0 + w1 * v1 + w2 * v2 + w3 * v3;
                }
                s[0] = s0, s[1] = s1, s[2] = s2, s[3] = s3;
                continue;
            }
#pragma omp simd reduction(+ : s0)
            for (int64_t p = 0; p < size; p++) s0 += WIDE(x0[p]);
            if (w)
#pragma omp simd
                for (int64_t p = 0; p < size; p++) out[p] += w[k] * WIDE(x0[p]);
            s[0] = s0;
        }
    }
}

INLINE void OF(write_step)(const ELEMENT *x, int64_t next, int64_t c, int64_t rows, const float *a1, const float *scale,
                           int64_t live, ELEMENT *y) {
    V s1 = load(a1, live), s2 = load(a1 + c, live), t1 = load(a1 + 2 * c, live), t2 = load(a1 + 3 * c, live);
    const ELEMENT *next_x = x + next, *next_y = y + next;
    for (int64_t r = 0; r < rows; r++, x += c, y += c, next_x += LANES, next_y += LANES) {
        V v = LOAD(x, live), m1 = s1 * v + t1, m2 = s2 * v + t2, m = pick(m1 >= m2, m1, m2);
        PREFETCH(next_x), PREFETCH_TO_WRITE(next_y);
        STORE(y, scale ? scale[r] * m : m, live);
    }
}

INLINE void OF(write_rows)(const ELEMENT *x, int64_t c, int64_t rows, const float *a1, const float *pi, ELEMENT *y) {
    int64_t k = 0;
    float scale[WRITE_ROWS], *scales = pi ? scale : NULL;
    for (int64_t r = 0; pi && r < rows; r++) scale[r] = min1(pi[r]);
    for (; k + LANES <= c; k += LANES)
        OF(write_step)(x + k, AHEAD + (rows - 1) * k, c, rows, a1 + k, scales, LANES, y + k);
    if (k < c) OF(write_step)(x + k, AHEAD + (rows - 1) * k, c, rows, a1 + k, scales, c - k, y + k);
}

INLINE void OF(write_block)(const ELEMENT *x, int64_t c, int64_t size, const float *a1, const float *pi, ELEMENT *y) {
    int64_t p = 0;
    for (; p + WRITE_ROWS <= size; p += WRITE_ROWS)
        OF(write_rows)(x + p * c, c, WRITE_ROWS, a1, pi ? pi + p : NULL, y + p * c);
    if (p < size) OF(write_rows)(x + p * c, c, size - p, a1, pi ? pi + p : NULL, y + p * c);
}

static void OF(write)(const Args *a, const Room *room, Part part) {
    int64_t c = a->c, hw = a->hw, first = block_start(hw, part.block), last = block_start(hw, part.end);
    const float *a1 = a->coefficients + part.image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    const float *pi = a->pi ? a->pi + part.image * hw : NULL;
    const ELEMENT *image = (const ELEMENT *)a->x + part.image * hw * c;
    ELEMENT *result = (ELEMENT *)a->y + part.image * hw * c;
    (void)room;
    if (a->channels_last) {
        const ELEMENT *x = image + first * c;
        ELEMENT *y = result + first * c;
        if (pi) OF(write_block)(x, c, last - first, a1, pi + first, y);
        else OF(write_block)(x, c, last - first, a1, NULL, y);
        return;
    }
    for (int64_t k = 0; k < c; k++) {
        const ELEMENT *x = image + k * hw;
        const float s1 = a1[k], s2 = a2[k], t1 = b1[k], t2 = b2[k];
        ELEMENT *y = result + k * hw;
        if (pi)
#pragma omp simd
            for (int64_t p = first; p < last; p++) {
                float v = WIDE(x[p]), m1 = s1 * v + t1, m2 = s2 * v + t2;
                y[p] = NARROW(min1(pi[p]) * (m1 >= m2 ? m1 : m2));
            }
        else
#pragma omp simd
            for (int64_t p = first; p < last; p++) {
                float v = WIDE(x[p]), m1 = s1 * v + t1, m2 = s2 * v + t2;
                y[p] = NARROW(m1 >= m2 ? m1 : m2);
            }
    }
}

INLINE void OF(reduce_step)(const ELEMENT *x, const ELEMENT *g, int64_t next, int64_t c, int64_t rows, const float *a1,
                            const float *scale, int64_t live, float *sums, V *dots) {
    V s1 = load(a1, live), s2 = load(a1 + c, live), t1 = load(a1 + 2 * c, live), t2 = load(a1 + 3 * c, live);
    V u1 = load(sums, live), u2 = load(sums + c, live), v1 = load(sums + 2 * c, live), v2 = load(sums + 3 * c, live);
    V zero = {0};
    const ELEMENT *next_x = x + next, *next_g = g + next;
    for (int64_t r = 0; r < rows; r++, x += c, g += c, next_x += LANES, next_g += LANES) {
        V v = LOAD(x, live), d = LOAD(g, live), m1 = s1 * v + t1, m2 = s2 * v + t2;
        I first = m1 >= m2;
        FETCH(next_x), FETCH(next_g);
        if (scale) {
            dots[r] += d * pick(first, m1, m2);
            d *= scale[r];
        }
        V one = pick(first, d, zero), two = pick(first, zero, d);
        u1 += one * v, u2 += two * v, v1 += one, v2 += two;
    }
    store(sums, u1, live), store(sums + c, u2, live), store(sums + 2 * c, v1, live), store(sums + 3 * c, v2, live);
}

INLINE void OF(reduce_rows)(const ELEMENT *x, const ELEMENT *g, int64_t c, int64_t rows, const float *a1,
                            const float *pi, float *sums, float *dpi) {
    int64_t k = 0;
    V dots[REDUCE_ROWS] = {{0}};
    float scale[REDUCE_ROWS], *scales = pi ? scale : NULL;
    for (int64_t r = 0; pi && r < rows; r++) scale[r] = min1(pi[r]);
    for (; k + LANES <= c; k += LANES)
        OF(reduce_step)(x + k, g + k, AHEAD + (rows - 1) * k, c, rows, a1 + k, scales, LANES, sums + k, dots);
    if (k < c) OF(reduce_step)(x + k, g + k, AHEAD + (rows - 1) * k, c, rows, a1 + k, scales, c - k, sums + k, dots);
    for (int64_t r = 0; pi && r < rows; r++) dpi[r] = total(dots[r]);
}

INLINE void OF(reduce_block)(const ELEMENT *x, const ELEMENT *g, int64_t c, int64_t size, const float *a1,
                             const float *pi, float *sums, float *dpi) {
    int64_t p = 0;
    memset(sums, 0, 4 * c * sizeof(float));
    for (; p + REDUCE_ROWS <= size; p += REDUCE_ROWS)
        OF(reduce_rows)(x + p * c, g + p * c, c, REDUCE_ROWS, a1, pi ? pi + p : NULL, sums, dpi + p);
    if (p < size) OF(reduce_rows)(x + p * c, g + p * c, c, size - p, a1, pi ? pi + p : NULL, sums, dpi + p);
}

static void OF(reduce)(const Args *a, const Room *room, Part part) {
    int64_t c = a->c, hw = a->hw, first = block_start(hw, part.block), last = block_start(hw, part.end);
    const float *a1 = a->coefficients + part.image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    float *sums = room->sums + part.image * num_blocks(hw) * 4 * c, *dpi = room->dpi + part.image * hw;
    if (a->channels_last) {
        for (int64_t b = part.block; b < part.end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            int64_t offset = (part.image * hw + start) * c;
            const ELEMENT *x = (const ELEMENT *)a->x + offset, *g = (const ELEMENT *)a->dy + offset;
            const float *pi = a->pi ? a->pi + part.image * hw + start : NULL;
            if (pi) OF(reduce_block)(x, g, c, size, a1, pi, sums + b * 4 * c, dpi + start);
            else OF(reduce_block)(x, g, c, size, a1, NULL, sums + b * 4 * c, dpi + start);
        }
        return;
    }
    if (a->pi) memset(dpi + first, 0, (last - first) * sizeof(float));
    for (int64_t k = 0; k < c; k++)
        for (int64_t b = part.block; b < part.end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            int64_t offset = (part.image * c + k) * hw + start;
            const ELEMENT *x = (const ELEMENT *)a->x + offset, *g = (const ELEMENT *)a->dy + offset;
            const float *pi = a->pi ? a->pi + part.image * hw + start : NULL;
            const float s1 = a1[k], s2 = a2[k], t1 = b1[k], t2 = b2[k];
            float u1 = 0, u2 = 0, v1 = 0, v2 = 0, *out = dpi + start, *s = sums + b * 4 * c + k;
            if (pi)
#pragma omp simd reduction(+ : u1, u2, v1, v2)
                for (int64_t p = 0; p < size; p++) {
                    float v = WIDE(x[p]), d = WIDE(g[p]), m1 = s1 * v + t1, m2 = s2 * v + t2, gp = d * min1(pi[p]);
                    out[p] += d * (m1 >= m2 ? m1 : m2);
                    float one = m1 >= m2 ? gp : 0.0f, two = m1 >= m2 ? 0.0f : gp;
                    u1 += one * v, u2 += two * v, v1 += one, v2 += two;
                }
            else
#pragma omp simd reduction(+ : u1, u2, v1, v2)
                for (int64_t p = 0; p < size; p++) {
                    float v = WIDE(x[p]), d = WIDE(g[p]), m1 = s1 * v + t1, m2 = s2 * v + t2;
                    float one = m1 >= m2 ? d : 0.0f, two = m1 >= m2 ? 0.0f : d;
                    u1 += one * v, u2 += two * v, v1 += one, v2 += two;
                }
            s[0] = u1, s[c] = u2, s[2 * c] = v1, s[3 * c] = v2;
        }
}

INLINE void OF(scatter_step)(const ELEMENT *x, const ELEMENT *g, int64_t next, int64_t c, int64_t rows, const float *a1,
                             const float *dcontext, const float *scale, const float *dz, const float *w, int64_t live,
                             float *dprojection, ELEMENT *dx) {
    V s1 = load(a1, live), s2 = load(a1 + c, live), t1 = load(a1 + 2 * c, live), t2 = load(a1 + 3 * c, live);
    V dc = load(dcontext, live), weight = {0}, sum = {0};
    const ELEMENT *next_x = x + next, *next_g = g + next, *next_dx = dx + next;
    if (w) weight = load(w, live), sum = load(dprojection, live);
    for (int64_t r = 0; r < rows; r++, x += c, g += c, dx += c, next_x += LANES, next_g += LANES, next_dx += LANES) {
        V v = LOAD(x, live), d = LOAD(g, live), slope = pick(s1 * v + t1 >= s2 * v + t2, s1, s2);
        PREFETCH(next_x), PREFETCH(next_g), PREFETCH_TO_WRITE(next_dx);
        if (w) {
            sum += dz[r] * v;
            STORE(dx, d * scale[r] * slope + (dc + dz[r] * weight), live);
        } else STORE(dx, d * slope + dc, live);
    }
    if (w) store(dprojection, sum, live);
}

INLINE void OF(scatter_rows)(const ELEMENT *x, const ELEMENT *g, int64_t c, int64_t rows, const float *a1,
                             const float *dcontext, const float *pi, const float *dz, const float *w,
                             float *dprojection, ELEMENT *dx) {
    int64_t k = 0;
    float scale[SCATTER_ROWS];
    for (int64_t r = 0; pi && r < rows; r++) scale[r] = min1(pi[r]);
    for (; k + LANES <= c; k += LANES)
        OF(scatter_step)(x + k, g + k, AHEAD + (rows - 1) * k, c, rows, a1 + k, dcontext + k, scale, dz,
                         w ? w + k : NULL, LANES, dprojection + k, dx + k);
    if (k < c)
        OF(scatter_step)(x + k, g + k, AHEAD + (rows - 1) * k, c, rows, a1 + k, dcontext + k, scale, dz,
                         w ? w + k : NULL, c - k, dprojection + k, dx + k);
}

INLINE void OF(scatter_block)(const ELEMENT *x, const ELEMENT *g, int64_t c, int64_t size, const float *a1,
                              const float *dcontext, const float *pi, const float *dz, const float *w,
                              float *dprojection, ELEMENT *dx) {
    int64_t p = 0;
    if (w) memset(dprojection, 0, c * sizeof(float));
    for (; p + SCATTER_ROWS <= size; p += SCATTER_ROWS)
        OF(scatter_rows)(x + p * c, g + p * c, c, SCATTER_ROWS, a1, dcontext, pi ? pi + p : NULL, dz + p, w,
                         dprojection, dx + p * c);
    if (p < size)
        OF(scatter_rows)(x + p * c, g + p * c, c, size - p, a1, dcontext, pi ? pi + p : NULL, dz + p, w, dprojection,
                         dx + p * c);
}

static void OF(scatter)(const Args *a, const Room *room, Part part) {
    int64_t c = a->c, hw = a->hw, blocks = num_blocks(hw);
    const float *a1 = a->coefficients + part.image * 4 * c, *a2 = a1 + c, *b1 = a2 + c, *b2 = b1 + c;
    const float *dz = room->dpi + part.image * hw, *dcontext = room->dcontext + part.image * c;
    float *dprojection = room->dprojection + part.image * blocks * c;
    if (a->channels_last) {
        for (int64_t b = part.block; b < part.end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            int64_t offset = (part.image * hw + start) * c;
            const ELEMENT *x = (const ELEMENT *)a->x + offset, *g = (const ELEMENT *)a->dy + offset;
            const float *pi = a->pi ? a->pi + part.image * hw + start : NULL, *w = a->projection;
            ELEMENT *dx = (ELEMENT *)a->dx + offset;
            if (w) OF(scatter_block)(x, g, c, size, a1, dcontext, pi, dz + start, w, dprojection + b * c, dx);
            else OF(scatter_block)(x, g, c, size, a1, dcontext, NULL, dz + start, NULL, NULL, dx);
        }
        return;
    }
    for (int64_t k = 0; k < c; k++)
        for (int64_t b = part.block; b < part.end; b++) {
            int64_t start = block_start(hw, b), size = block_start(hw, b + 1) - start;
            int64_t offset = (part.image * c + k) * hw + start;
            const ELEMENT *x = (const ELEMENT *)a->x + offset, *g = (const ELEMENT *)a->dy + offset;
            const float *pi = a->pi ? a->pi + part.image * hw + start : NULL, *d = dz + start;
            const float s1 = a1[k], s2 = a2[k], t1 = b1[k], t2 = b2[k], dc = dcontext[k];
            ELEMENT *dx = (ELEMENT *)a->dx + offset;
            if (pi) {
                float sum = 0, weight = a->projection[k];
#pragma omp simd reduction(+ : sum)
                for (int64_t p = 0; p < size; p++) {
                    float v = WIDE(x[p]), slope = s1 * v + t1 >= s2 * v + t2 ? s1 : s2;
                    sum += d[p] * v;
                    dx[p] = NARROW(WIDE(g[p]) * min1(pi[p]) * slope + dc + d[p] * weight);
                }
                dprojection[b * c + k] = sum;
            } else {
#pragma omp simd
                for (int64_t p = 0; p < size; p++) {
                    float v = WIDE(x[p]), slope = s1 * v + t1 >= s2 * v + t2 ? s1 : s2;
                    dx[p] = NARROW(WIDE(g[p]) * slope + dc);
                }
            }
        }
}
