/* DY-ReLU for processors of which nothing more is known. */

#if defined(__GNUC__)
#define LANES 4
#else
#define LANES 1
#endif
#define LEVEL dyrelu_base
#include "dyrelu_level.h"
