/* Anti-aliased strokes, put into an image one after the other; called through ctypes by drawing/strokes.py, whose plain
   path gives the same but for one level where a compiler rounds once instead of twice.                               */

#include <math.h>
#include <stdint.h>

#include "processor.h"

int pose_interface(void) { return POSE_INTERFACE; }

enum { SX, SY, EX, EY, RADIUS, OUTLINE, RED, ALPHA = 9, STROKE = 10 }; /* doubles of a stroke */

static int64_t within(double value, int64_t most) {
    return value > 0 ? value < (double)most ? (int64_t)value : most : 0;
}

static double share(double value) { return value < 0 ? 0 : value > 1 ? 1 : value; }

/* Strokes (n, 10) into canvas (h, w, 3), whose rows are `row` bytes apart, those of `behind`, which shows through,
   `row_behind`. `edge` (3) is the color of outlines.                                                                 */
void draw_strokes(uint8_t *canvas, int64_t row, const uint8_t *behind, int64_t row_behind, int64_t h, int64_t w,
                  const double *strokes, int64_t n, const double *edge) {
    for (const double *s = strokes; s < strokes + n * STROKE; s += STROKE) {
        double reach = s[RADIUS] + s[OUTLINE] + 1, far = s[RADIUS] + s[OUTLINE] + 0.5, alpha = s[ALPHA];
        int64_t y0 = within(floor(fmin(s[SY], s[EY]) - reach), h), y1 = within(ceil(fmax(s[SY], s[EY]) + reach) + 1, h);
        float dx = (float)(s[EX] - s[SX]), dy = (float)(s[EY] - s[SY]), length = dx * dx + dy * dy;
        length = length > 1e-6f ? length : 1e-6f;
        for (int64_t py = y0; py < y1; py++) {
            /* The part of the line that is no further than `reach` above or below this row, and what is as near to it. */
            double a = 0, b = 1, across = s[EX] - s[SX], down = s[EY] - s[SY];
            if (fabs(down) > 1e-3) {
                double first = ((double)py - s[SY] - reach) / down, last = ((double)py - s[SY] + reach) / down;
                a = share(fmin(first, last)), b = share(fmax(first, last));
            }
            int64_t left = within(floor(s[SX] + fmin(a * across, b * across) - reach), w);
            int64_t right = within(ceil(s[SX] + fmax(a * across, b * across) + reach) + 1, w);
            for (int64_t px = left; px < right; px++) {
                float x = (float)px - (float)s[SX], y = (float)py - (float)s[SY], along = (x * dx + y * dy) / length;
                along = along < 0 ? 0 : along > 1 ? 1 : along;
                x -= along * dx, y -= along * dy;
                double near = (float)sqrt((double)x * x + (double)y * y);
                if (!(near < far)) continue;
                double inner = share(s[RADIUS] + 0.5 - near), outer = share(far - near);
                uint8_t *pixel = canvas + py * row + px * 3;
                const uint8_t *old = behind + py * row_behind + px * 3;
                for (int c = 0; c < 3; c++) {
                    double paint = (edge[c] + (s[RED + c] - edge[c]) * inner) * alpha + old[c] * (1 - alpha);
                    pixel[c] = (uint8_t)lrint(pixel[c] + (paint - pixel[c]) * outer);
                }
            }
        }
    }
}
