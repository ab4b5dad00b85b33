/* What the C files of this package ask of compilers and processors, where these know it. */

#ifndef POSE_PROCESSOR_H
#define POSE_PROCESSOR_H

/* Versions for newer processors. By level, not by name: "arch=haswell" would be taken on Intel's Haswell only. None with
   AVX-512: on a Zen 5 it made DY-ReLU-B's backward pass slower than AVX2 does.                                        */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define CLONES __attribute__((target_clones("avx2", "default")))
#endif
#else
#define CLONES
#endif

/* A part of a function with CLONES must be inlined to be compiled for the same processors. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address)
#endif

#endif
