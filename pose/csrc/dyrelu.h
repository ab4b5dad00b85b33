/* What dyrelu.c and its passes for each level of processors share. */

#ifndef POSE_DYRELU_H
#define POSE_DYRELU_H

#include "processor.h"

typedef struct {
    int64_t n, c, hw, hidden, channels_last, half, threads; /* half: x, y, dy and dx are bf16, else fp32 */
    float lambda_a, lambda_b, gamma, tau;
    const float *alpha, *beta; /* (2) */
    const void *x;
    const float *w1, *b1;    /* (hidden, c), (hidden) */
    const float *w2, *b2;    /* (4 c, hidden), (4 c); rows: a1, a2, b1, b2 */
    const float *projection; /* (c), NULL for B */
    float *context;          /* (n, c) means */
    float *hidden_out;       /* (n, hidden) after ReLU */
    float *coefficients;     /* (n, 4, c) */
    float *pi;               /* (n, hw) before the minimum with 1, NULL for B */
    void *y;
    const void *dy; /* from here on: backward only */
    void *dx;
    float *dw1, *db1, *dw2, *db2, *dprojection; /* as the weights; the last is NULL for B */
} Args;

/* Room for what is needed during a call. Turned weights are NULL where they are not worth it. */
typedef struct {
    float *sums;                  /* (n, blocks, c), backward (n, blocks, 4, c) */
    float *turned_w1, *turned_w2; /* (c, hidden), (hidden, 4 c) */
    float *dpi, *dcontext;        /* (n, hw), (n, c) */
    float *dpre, *dhidden;        /* (n, 4 c) gradient before the sigmoid, (n, hidden) before the ReLU */
    float *dprojection;           /* (n, blocks, c) */
} Room;

/* Some blocks of an image: those from `block` to `end`. */
typedef struct {
    int64_t image, block, end;
} Part;

/* The passes over x. */
typedef struct {
    void (*read)(const Args *a, const Room *r, Part part);    /* sums of x over each block, and the projection */
    void (*write)(const Args *a, const Room *r, Part part);   /* y */
    void (*reduce)(const Args *a, const Room *r, Part part);  /* gradients that are sums: of the coefficients, of pi */
    void (*scatter)(const Args *a, const Room *r, Part part); /* dx, and the projection's own gradient */
} Passes;

/* All that is compiled for a level of processors. */
typedef struct {
    Passes passes[2]; /* of fp32, of bf16 */
    void (*turn)(const float *weight, int64_t rows, int64_t columns, float *turned);
    /* Between the passes: from sums to means, coefficients and pi; and back to dcontext and, in place, dpi. */
    void (*coefficients)(const Args *a, const Room *r, int64_t first, int64_t images);
    void (*gradients)(const Args *a, const Room *r, int64_t first, int64_t images);
    /* dout^T in and the sum of dout, of rows from `first` to `last`; dout is (n, rows), in (n, columns) */
    void (*weight_gradients)(const float *dout, const float *in, int64_t n, int64_t rows, int64_t columns,
                             int64_t first, int64_t last, float *dweight, float *dbias);
} Level;

extern const Level dyrelu_base, dyrelu_avx2, dyrelu_avx512;

enum { BLOCK = 2048 }; /* positions */

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE int64_t num_blocks(int64_t hw) { return (hw + BLOCK - 1) / BLOCK; }

/* First position of a block: equal parts, at multiples of a vector's length. */
INLINE int64_t block_start(int64_t hw, int64_t block) {
    int64_t blocks = num_blocks(hw), size = ((hw + blocks - 1) / blocks + 15) / 16 * 16;
    return least(block * size, hw);
}

#endif
