/* What the C files of this package ask of compilers and processors, where these know it. */

#ifndef POSE_PROCESSOR_H
#define POSE_PROCESSOR_H

#include <stdint.h>
#include <string.h>

/* How Python calls these files. Raise it here and in pose/runtime/native.py with each change of a function's
   arguments: a library that an earlier version compiled would read memory that is not there.                   */
#define POSE_INTERFACE 3

/* Levels of processors: what matters is compiled for each, and chosen when it is called. */
enum { BASE, AVX2, AVX512, LEVELS };
#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_LEVELS 1
#else
#define HAS_LEVELS 0
#endif

/* One function for several levels, chosen by features, as "arch=haswell" would be taken on Intel's Haswell only. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES __attribute__((target_clones("avx2", "default")))
#endif
#else
#define CLONES
#endif

/* A part of a function for a level must be inlined to be compiled for it. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define PREFETCH(address) __builtin_prefetch(address)
#define PREFETCH_FAR(address) __builtin_prefetch(address, 0, 2)
#define PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)
#else
#define INLINE static inline
#define PREFETCH(address) ((void)0)
#define PREFETCH_FAR(address) ((void)0)
#define PREFETCH_TO_WRITE(address) ((void)0)
#endif

#endif
