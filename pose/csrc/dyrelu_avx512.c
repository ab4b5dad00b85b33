/* DY-ReLU for processors with AVX-512. */

#include "processor.h"

#if HAS_LEVELS
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prfchw")
#endif

#define LANES 16
#define LEVEL dyrelu_avx512
#include "dyrelu_level.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
