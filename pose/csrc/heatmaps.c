/* Targets drawn, mirrored heatmaps averaged, peaks found, for CPUs; called through ctypes by codec_cpu.py.

   Maps are (n, k, h, w), or (n, h, w, k) with channels_last, fp32. Results equal those of codec.py to the bit.       */

#include <stdint.h>
#include <string.h>

#include "processor.h"

#define PARALLEL_FOR _Pragma("omp parallel for schedule(static) num_threads((int)threads) if (threads > 1)")

/* Floats. Processors fetch memory ahead by themselves, but only to the end of a page of 4 kB; asking for it further
   ahead, past the end of the maps too, makes one thread up to a third faster.                                        */
enum { CHUNK = 256, LINE = 16, AHEAD = 4096, AHEAD_OF_TWO = 1024 };

/* First position of the largest value of a map; that of the first NaN, if there is one. */
CLONES static int64_t find_peak(const float *map, int64_t size) {
    float best = 0;
    int64_t at = -1;
    for (int64_t start = 0; start < size; start += CHUNK) {
        int64_t end = start + CHUNK < size ? start + CHUNK : size;
        for (int64_t p = start; p < end; p += LINE) PREFETCH(map + p + AHEAD);
        float top = map[start];
        int32_t nan = 0;
#pragma omp simd reduction(max : top) reduction(| : nan)
        for (int64_t p = start; p < end; p++) {
            top = map[p] > top ? map[p] : top;
            nan |= map[p] != map[p];
        }
        if (nan) {
            while (map[start] == map[start]) start++;
            return start;
        }
        if (at < 0 || top > best) best = top, at = start;
    }
    while (map[at] != best) at++;
    return at;
}

/* The same for each of k maps whose values lie side by side; `best` (k) is room for the values. */
CLONES static void find_peaks(const float *maps, int64_t size, int64_t k, float *best, int32_t *at) {
    memcpy(best, maps, k * sizeof(float));
    memset(at, 0, k * sizeof(int32_t));
    for (int32_t p = 1; p < (int32_t)size; p++) {
        const float *v = maps + p * k;
        for (int64_t i = 0; i < k; i += LINE) PREFETCH(v + i + AHEAD);
#pragma omp simd
        for (int64_t i = 0; i < k; i++) {
            int better = v[i] > best[i] || (v[i] != v[i] && best[i] == best[i]);
            at[i] = better ? p : at[i];
            best[i] = better ? v[i] : best[i];
        }
    }
}

/* Peaks xy (n, k, 2), moved by a quarter towards the higher neighbour, and their values (n, k); `at` (n, k) is room. */
void codec_decode(const float *maps, int64_t n, int64_t k, int64_t h, int64_t w, int64_t channels_last,
                  int64_t threads, int32_t *at, float *values, float *xy) {
    int64_t step = channels_last ? k : 1, runs = channels_last ? n : n * k, size = h * w * step, each = n * k / runs;
    PARALLEL_FOR
    for (int64_t r = 0; r < runs; r++) {
        int32_t *found = at + r * each;
        if (channels_last) find_peaks(maps + r * size, h * w, k, values + r * each, found);
        else found[0] = (int32_t)find_peak(maps + r * size, size);
        for (int64_t i = 0; i < each; i++) {
            const float *v = maps + r * size + i + found[i] * step;
            int64_t x = found[i] % w, y = found[i] / w, right = step, down = w * step;
            float *out = xy + (r * each + i) * 2;
            values[r * each + i] = *v;
            out[0] = *v > 0 ? (float)x : 0, out[1] = *v > 0 ? (float)y : 0;
            if (!(*v > 0 && x > 1 && x < w - 1 && y > 1 && y < h - 1)) continue;
            out[0] += 0.25f * (float)((v[right] > v[-right]) - (v[right] < v[-right]));
            out[1] += 0.25f * (float)((v[down] > v[-down]) - (v[down] < v[-down]));
        }
    }
}

CLONES static void merge_map(const float *a, const float *b, int64_t h, int64_t w, float *out) {
    for (int64_t y = 0; y < h; y++, a += w, b += w, out += w) {
        for (int64_t i = 0; i < w; i += LINE) PREFETCH(a + i + AHEAD_OF_TWO), PREFETCH(b + i + AHEAD_OF_TWO);
        /* From 0 for whole vectors, though that reads the next row's first value; the last row has no next one. */
#pragma omp simd
        for (int64_t x = y + 1 == h; x < w; x++) out[x] = (a[x] + b[w - x]) * 0.5f;
        out[0] = (a[0] + b[w - 1]) * 0.5f;
    }
}

static void merge_maps(const float *a, const float *b, const int64_t *order, int64_t k, int64_t h, int64_t w,
                       float *out) {
    for (int64_t y = 0; y < h; y++, b += w * k)
        for (int64_t x = 0; x < w; x++, a += k, out += k) {
            const float *mirrored = b + (x > 0 ? w - x : w - 1) * k;
            for (int64_t i = 0; i < k; i += LINE) PREFETCH(a + i + AHEAD_OF_TWO), PREFETCH(mirrored + i + w * k);
            for (int64_t i = 0; i < k; i++) out[i] = (a[i] + mirrored[order[i]]) * 0.5f;
        }
}

/* The average of maps and of those of the mirrored crop, mirrored back, moved by a pixel, and in another `order` (k). */
void codec_merge_flip(const float *a, const float *b, const int64_t *order, int64_t n, int64_t k, int64_t h, int64_t w,
                      int64_t channels_last, int64_t threads, float *out) {
    PARALLEL_FOR
    for (int64_t i = 0; i < n; i++) {
        int64_t first = i * k * h * w;
        if (channels_last) merge_maps(a + first, b + first, order, k, h, w, out + first);
        else
            for (int64_t j = 0; j < k; j++)
                merge_map(a + first + j * h * w, b + first + order[j] * h * w, h, w, out + first + j * h * w);
    }
}

/* Gaussians at mu (n, 2), whole numbers, where weights (n) are positive; `bell` (2 radius + 1) is one along an axis. */
void codec_encode(const float *mu, const float *weights, const float *bell, int64_t radius, int64_t n, int64_t h,
                  int64_t w, int64_t threads, float *maps) {
    PARALLEL_FOR
    for (int64_t i = 0; i < n; i++) {
        float *map = maps + i * h * w;
        memset(map, 0, h * w * sizeof(float));
        if (!(weights[i] > 0)) continue;
        int64_t left = (int64_t)mu[2 * i] - radius, top = (int64_t)mu[2 * i + 1] - radius, side = 2 * radius + 1;
        int64_t x0 = left > 0 ? 0 : -left, x1 = left + side < w ? side : w - left; /* within the bell */
        int64_t y0 = top > 0 ? 0 : -top, y1 = top + side < h ? side : h - top;
        for (int64_t y = y0; y < y1; y++) {
            float *row = map + (top + y) * w + left;
#pragma omp simd
            for (int64_t x = x0; x < x1; x++) row[x] = bell[y] * bell[x];
        }
    }
}
