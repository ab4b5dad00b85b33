/* DY-ReLU for processors with AVX2. */

#include "processor.h"

#if HAS_LEVELS
#pragma GCC target("avx2,fma,prfchw")
#define LANES 8
#define LEVEL dyrelu_avx2
#include "dyrelu_level.h"
#endif
