/* DY-ReLU for processors with AVX2. */

#include "processor.h"

#if HAS_LEVELS
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,prfchw")
#endif

#define LANES 8
#define LEVEL dyrelu_avx2
#include "dyrelu_level.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
