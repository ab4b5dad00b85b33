/* Targets drawn, mirrored heatmaps averaged, peaks found, for CPUs; called through ctypes by heatmap_cpu.py.

   Maps are (n, k, h, w), or (n, h, w, k) with channels_last, fp32. Results equal those of heatmap.py to the bit, and
   those of dark.py but for the rounding of sums in double precision.                                                 */

#include <math.h>

#include "processor.h"

int pose_interface(void) { return POSE_INTERFACE; }

#define PARALLEL_FOR _Pragma("omp parallel for schedule(static) num_threads((int)threads) if (threads > 1)")

/* Maps that are read in turns, and floats. Where a map is read in order processors fetch memory ahead by themselves;
   where several values lie side by side, it is asked for.                                                            */
enum { STREAMS = 2, CHUNK = 512, SEARCH = 64, LINE = 16, AHEAD = 4096, AHEAD_OF_TWO = 1024, WINDOW = 32, LANES = 8 };

/* First position of a value in a map, which has it in the CHUNK from `at` on. */
INLINE int64_t find(const float *map, int64_t size, int64_t at, float value) {
    for (int32_t found = 0; at + SEARCH <= size; at += SEARCH) {
#pragma omp simd reduction(| : found)
        for (int64_t p = 0; p < SEARCH; p++) found |= map[at + p] == value;
        if (found) break;
    }
    while (map[at] != value) at++;
    return at;
}

/* First position of the largest value of each of `count` maps, that of the first NaN, if there is one. The maps lie
   `apart` floats from one another and are read in turns, as memory gives several streams faster than one.            */
CLONES static void find_peaks(const float *maps, int64_t count, int64_t apart, int64_t size, int64_t *at) {
    float best[STREAMS];
    int32_t nan[STREAMS] = {0};
    for (int64_t i = 0; i < count; i++) best[i] = maps[i * apart], at[i] = 0;
    for (int64_t start = 0; start < size; start += CHUNK)
        for (int64_t i = 0, end = start + CHUNK < size ? start + CHUNK : size; i < count; i++) {
            const float *map = maps + i * apart;
            float top = map[start];
            int32_t any = 0;
#pragma omp simd reduction(max : top) reduction(| : any)
            for (int64_t p = start; p < end; p++) {
                top = map[p] > top ? map[p] : top;
                any |= -(map[p] != map[p]); /* all bits, as comparing vectors gives */
            }
            if (top > best[i]) best[i] = top, at[i] = start;
            nan[i] |= any;
        }
    for (int64_t i = 0; i < count; i++) {
        const float *map = maps + i * apart;
        if (!nan[i]) at[i] = find(map, size, at[i], best[i]);
        else
            for (at[i] = 0; map[at[i]] == map[at[i]];) at[i]++;
    }
}

/* The same for k maps whose values lie side by side; `best` (k) is room for the values. */
CLONES static void find_side_by_side(const float *maps, int64_t size, int64_t k, float *best, int32_t *at) {
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

static void move_by_quarter(const float *v, int64_t right, int64_t down, float *xy) {
    xy[0] += 0.25f * (float)((v[right] > v[-right]) - (v[right] < v[-right]));
    xy[1] += 0.25f * (float)((v[down] > v[-down]) - (v[down] < v[-down]));
}

/* Five sums over `rows` of each of up to LANES columns, weighted by `taps` that are one further for each sum before. */
INLINE void sum_rows(const float *v, int64_t step, int64_t down, int64_t rows, int64_t lanes, const double *taps,
                     double *sums) {
    double s[5][LANES] = {{0}};
    for (int64_t row = 0; row < rows; row++, v += down, taps++)
#pragma omp simd
        for (int64_t c = 0; c < lanes; c++) {
            double value = v[c * step];
            s[0][c] += taps[4] * value, s[1][c] += taps[3] * value, s[2][c] += taps[2] * value;
            s[3][c] += taps[1] * value, s[4][c] += taps[0] * value;
        }
    for (int64_t d = 0; d < 5; d++) memcpy(sums + d * WINDOW, s[d], lanes * sizeof(double));
}

/* Sums of a map about (x, y), weighted along both axes by `bell`, with zeros outside of the map, at the places of the
   5 x 5 about it that the derivatives need, |dx| + |dy| <= 2. `step` floats lie between pixels. The bell has
   2 radius + 1 values, with 4 zeros before and 7 behind them, so that one loop serves all five sums.                 */
CLONES static void blur(const float *map, int64_t step, int64_t h, int64_t w, int64_t x, int64_t y,
                        const double *bell, int64_t radius, double near[5][5]) {
    int64_t reach = radius + 2, left = x > reach ? x - reach : 0, right = x + reach < w ? x + reach + 1 : w;
    int64_t top = y > reach ? y - reach : 0, bottom = y + reach < h ? y + reach + 1 : h;
    const double *along_y = bell + top - y + reach, *along_x = bell + reach + x;
    double upper = 0, lower = 0, above[4] = {0}, below[4] = {0}, middle[LANES] = {0};
    for (int64_t start = left; start < right; start += WINDOW) {
        int64_t needed = right - start < WINDOW ? right - start : WINDOW, whole = (needed + 7) / 8 * 8;
        /* Whole vectors, of columns that are not needed too, unless the map is as narrow as that. */
        int64_t columns = whole <= w ? whole : needed, first = columns <= w - start ? start : w - columns;
        double sums[5][WINDOW];
        for (int64_t at = 0; at < columns; at += LANES) {
            int64_t lanes = columns - at < LANES ? columns - at : LANES;
            const float *v = map + (top * w + first + at) * step;
            if (step == 1 && lanes == LANES) sum_rows(v, 1, w, bottom - top, LANES, along_y, &sums[0][at]);
            else sum_rows(v, step, w * step, bottom - top, lanes, along_y, &sums[0][at]);
        }
        for (int64_t c = start - first; c < start - first + needed; c++) {
            const double *tap = along_x - c - first; /* the bell is symmetric: its taps in the order of the places */
            upper += tap[2] * sums[0][c], lower += tap[2] * sums[4][c];
#pragma omp simd
            for (int64_t e = 0; e < LANES; e++) middle[e] += tap[e] * sums[2][c];
#pragma omp simd
            for (int64_t e = 0; e < 4; e++) above[e] += tap[e + 1] * sums[1][c], below[e] += tap[e + 1] * sums[3][c];
        }
    }
    memcpy(near[2], middle, sizeof near[2]);
    memcpy(near[1] + 1, above, 3 * sizeof(double)), memcpy(near[3] + 1, below, 3 * sizeof(double));
    near[0][2] = upper, near[4][2] = lower;
}

/* Move a peak to the top of the parabola through the logarithms of the blurred map, if that is within two pixels. */
static void move_by_taylor(const float *map, int64_t step, int64_t h, int64_t w, int64_t x, int64_t y,
                           const double *bell, int64_t radius, float *xy) {
    double v[5][5];
    blur(map, step, h, w, x, y, bell, radius, v);
    for (int64_t d = 0; d < 5; d++)
        for (int64_t e = d < 2 ? 2 - d : d - 2; e <= (d < 2 ? 2 + d : 6 - d); e++)
            if (!(v[d][e] > 0)) return;
    double dx = 0.5 * log(v[2][3] / v[2][1]), dy = 0.5 * log(v[3][2] / v[1][2]);
    double dxx = 0.25 * log(v[2][4] * v[2][0] / (v[2][2] * v[2][2]));
    double dyy = 0.25 * log(v[4][2] * v[0][2] / (v[2][2] * v[2][2]));
    double dxy = 0.25 * log(v[3][3] * v[1][1] / (v[3][1] * v[1][3]));
    double det = dxx * dyy - dxy * dxy, right = (dxy * dy - dyy * dx) / det, down = (dxy * dx - dxx * dy) / det;
    if (!(dxx < 0 && det > 0 && fabs(right) <= 2 && fabs(down) <= 2)) return;
    xy[0] = (float)((double)x + right), xy[1] = (float)((double)y + down);
}

/* A peak and its value, moved by a quarter towards the higher neighbour, or, with the `bell` of `blur`, by the Taylor
   step of DARK; not near the border, which is 1 or 2 pixels wide on the right and below.                             */
static void place_peak(const float *map, int64_t step, int64_t h, int64_t w, int64_t at, const double *bell,
                       int64_t radius, float *value, float *xy) {
    const float *v = map + at * step;
    int64_t x = at % w, y = at / w, border = bell ? 2 : 1;
    *value = *v;
    xy[0] = *v > 0 ? (float)x : 0, xy[1] = *v > 0 ? (float)y : 0;
    if (!(*v > 0 && x > 1 && x < w - border && y > 1 && y < h - border)) return;
    if (bell) move_by_taylor(map, step, h, w, x, y, bell, radius, xy);
    else move_by_quarter(v, step, w * step, xy);
}

/* Peaks xy (n, k, 2) and their values (n, k); `at` (n, k) is room. */
void codec_decode(const float *maps, int64_t n, int64_t k, int64_t h, int64_t w, int64_t channels_last,
                  int64_t threads, const double *bell, int64_t radius, int32_t *at, float *values, float *xy) {
    int64_t size = h * w, apart = n * k / STREAMS, whole = apart * STREAMS;
    if (channels_last) {
        PARALLEL_FOR
        for (int64_t r = 0; r < n; r++) {
            find_side_by_side(maps + r * size * k, size, k, values + r * k, at + r * k);
            for (int64_t i = r * k; i < (r + 1) * k; i++)
                place_peak(maps + r * size * k + i % k, k, h, w, at[i], bell, radius, values + i, xy + i * 2);
        }
        return;
    }
    PARALLEL_FOR
    for (int64_t r = 0; r < n * k - whole + apart; r++) {
        int64_t first = r < apart ? r : r - apart + whole, count = r < apart ? STREAMS : 1, found[STREAMS];
        find_peaks(maps + first * size, count, apart * size, size, found);
        for (int64_t i = 0, m = first; i < count; i++, m += apart)
            place_peak(maps + m * size, 1, h, w, found[i], bell, radius, values + m, xy + m * 2);
    }
}

CLONES static void merge_map(const float *a, const float *b, int64_t h, int64_t w, int64_t shift, float *out) {
    for (int64_t y = 0; y < h; y++, a += w, b += w, out += w) {
        const float *last = b + w - 1 + shift;
        for (int64_t i = 0; i < w; i += LINE) PREFETCH(a + i + AHEAD_OF_TWO), PREFETCH(b + i + AHEAD_OF_TWO);
        /* From 0 for whole vectors, though with a shift that reads the next row's first value; the last row has no
           next one. */
#pragma omp simd
        for (int64_t x = shift && y + 1 == h; x < w; x++) out[x] = (a[x] + last[-x]) * 0.5f;
        out[0] = (a[0] + b[w - 1]) * 0.5f;
    }
}

static void merge_maps(const float *a, const float *b, const int64_t *order, int64_t k, int64_t h, int64_t w,
                       int64_t shift, float *out) {
    for (int64_t y = 0; y < h; y++, b += w * k)
        for (int64_t x = 0; x < w; x++, a += k, out += k) {
            const float *mirrored = b + (w - 1 - (x > 0 ? x - shift : 0)) * k;
            for (int64_t i = 0; i < k; i += LINE) PREFETCH(a + i + AHEAD_OF_TWO), PREFETCH(mirrored + i + w * k);
            for (int64_t i = 0; i < k; i++) out[i] = (a[i] + mirrored[order[i]]) * 0.5f;
        }
}

/* The average of maps and of those of the mirrored crop, mirrored back, moved by `shift` (0 or 1) pixels, and in
   another `order` (k).                                                                                               */
void codec_merge_flip(const float *a, const float *b, const int64_t *order, int64_t n, int64_t k, int64_t h, int64_t w,
                      int64_t channels_last, int64_t shift, int64_t threads, float *out) {
    PARALLEL_FOR
    for (int64_t i = 0; i < n; i++) {
        int64_t first = i * k * h * w;
        if (channels_last) merge_maps(a + first, b + first, order, k, h, w, shift, out + first);
        else
            for (int64_t j = 0; j < k; j++)
                merge_map(a + first + j * h * w, b + first + order[j] * h * w, h, w, shift, out + first + j * h * w);
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
