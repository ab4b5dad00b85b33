/* DY-ReLU for processors with AVX-512. */

#include "processor.h"

#if HAS_LEVELS
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prfchw")
#define LANES 16
#define LEVEL dyrelu_avx512
#include "dyrelu_level.h"
#endif
