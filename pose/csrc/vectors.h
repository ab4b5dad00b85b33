/* Several floats at once, at the length that this level of processors has; included once for each level.

   LANES floats are a V; comparing two gives an I for `pick`. `live` is how many of them there are: LANES, or fewer at
   the end of a row, where the others are 0 and are not written. Compilers without GCC's vectors take one at a time.  */

#if LANES > 4
#include <immintrin.h>
#endif

#if LANES == 1
typedef float V;
typedef int32_t I;
#else
typedef float V __attribute__((vector_size(4 * LANES)));
typedef int32_t I __attribute__((vector_size(4 * LANES)));
typedef uint32_t U __attribute__((vector_size(4 * LANES)));
typedef uint16_t H __attribute__((vector_size(2 * LANES)));
#endif

enum { NAN_HALF = 0x7fc0 };

#if LANES == 8
static const int32_t ENDS[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

INLINE V pick(I first, V a, V b) {
#if LANES == 1
    return first ? a : b;
#else
    return (V)(((I)a & first) | ((I)b & ~first));
#endif
}

INLINE V load(const float *from, int64_t live) {
    V v = {0};
    if (live == LANES) {
        memcpy(&v, from, sizeof v);
        return v;
    }
#if LANES == 16
    return (V)_mm512_maskz_loadu_ps((__mmask16)((1u << live) - 1), from);
#elif LANES == 8
    return (V)_mm256_maskload_ps(from, _mm256_loadu_si256((const __m256i *)(ENDS + 8 - live)));
#else
    memcpy(&v, from, live * sizeof(float));
    return v;
#endif
}

INLINE void store(float *to, V v, int64_t live) {
    if (live == LANES) {
        memcpy(to, &v, sizeof v);
        return;
    }
#if LANES == 16
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << live) - 1), (__m512)v);
#elif LANES == 8
    _mm256_maskstore_ps(to, _mm256_loadu_si256((const __m256i *)(ENDS + 8 - live)), (__m256)v);
#else
    memcpy(to, &v, live * sizeof(float));
#endif
}

/* bf16 is the upper half of a float; rounded to the nearest, ties to even. */
INLINE float widen_half(uint16_t half) {
    union { uint32_t i; float f; } u = {.i = (uint32_t)half << 16};
    return u.f;
}

INLINE uint16_t narrow_to_half(float v) {
    union { float f; uint32_t i; } u = {.f = v};
    uint32_t rounded = (u.i + 0x7fff + (u.i >> 16 & 1)) >> 16;
    return (uint16_t)(v == v ? rounded : NAN_HALF);
}

INLINE V load_half(const uint16_t *from, int64_t live) {
    uint16_t part[LANES] = {0};
    if (live < LANES) memcpy(part, from, live * sizeof(uint16_t)), from = part;
#if LANES == 16
    return (V)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from)), 16);
#elif LANES == 8
    return (V)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from)), 16);
#elif LANES == 1
    return widen_half(*from);
#else
    H half;
    memcpy(&half, from, sizeof half);
    return (V)(__builtin_convertvector(half, U) << 16);
#endif
}

INLINE void store_half(uint16_t *to, V v, int64_t live) {
#if LANES == 1
    *to = narrow_to_half(v);
#else
    U bits = (U)v, nan = (U)(v != v);
    bits = (((bits + 0x7fff + (bits >> 16 & 1)) >> 16) & ~nan) | (NAN_HALF & nan);
#if LANES == 16
    __m256i half = _mm512_cvtepi32_epi16((__m512i)bits);
#else
    H half = __builtin_convertvector(bits, H);
#endif
    if (live == LANES) memcpy(to, &half, sizeof half);
    else memcpy(to, &half, live * sizeof(uint16_t));
#endif
}

INLINE float total(V v) {
#if LANES == 16
    return _mm512_reduce_add_ps((__m512)v);
#elif LANES == 8
    __m128 h = _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
    h = _mm_add_ps(h, _mm_movehl_ps(h, h));
    return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
#elif LANES == 1
    return v;
#else
    return (v[0] + v[2]) + (v[1] + v[3]);
#endif
}
