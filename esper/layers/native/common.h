#pragma once

/* What all kernels share: vectors of samples, memory, and how the work of a call is divided. Compiled with REAL float or
   double (build.py).

   Legend: R rows (envs), B minibatch, K chunks of L samples, I input channels, O output channels, H, W image, k kernel.

   Samples are the innermost axis: one vector holds the same place of L samples, as many as a register of the processor
   takes, so that every channel count, image size and kernel size keeps all lanes busy. A chunk of L samples is padded into a buffer that stays in the cache and
   goes through the convolution there. A row's result depends on nothing but that row: neither on R nor on the number of
   threads, because partial sums are made per chunk or part and added in order. */

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A register in bytes. A vector wider than that would be taken apart through memory, many times slower. Then what is
   summed in registers at once: outputs and places of a convolution, and outputs of a weight gradient. */
#if defined(__AVX512F__)
#define VECTOR 64
#define OUTPUTS 4
#define PLACES 4
#define WEIGHT_OUTPUTS 4
#elif defined(__AVX2__)
#define VECTOR 32
#define OUTPUTS 2
#define PLACES 4
#define WEIGHT_OUTPUTS 4
#else
#define VECTOR 16
#define OUTPUTS 2
#define PLACES 4
#define WEIGHT_OUTPUTS 4
#endif

#define L (VECTOR / (int)sizeof(REAL))
#define MAX_PARTS 8

typedef REAL vec __attribute__((vector_size(VECTOR), aligned(VECTOR)));
typedef REAL loose __attribute__((vector_size(VECTOR), aligned(sizeof(REAL))));
typedef INTEGER ivec __attribute__((vector_size(VECTOR), aligned(VECTOR)));
typedef uint8_t bytes __attribute__((vector_size(L), aligned(L)));

#define NAME2(a, b) a##_##b
#define NAME1(a, b) NAME2(a, b)
#define EXPORT(name) NAME1(name, SUFFIX)
#define INLINE static inline __attribute__((always_inline))
#define SHARED static __attribute__((unused))
#define UNROLL _Pragma("GCC unroll 16")

/* A tensor [R, B, C, H, W] by strides, in elements. row = 0: all rows read the same samples. */
typedef struct {
  const REAL *data;
  int64_t row, sample, channel, y, x;
} view;

/* What a kernel returns. */
enum { DONE, NO_MEMORY };

/* Memory for so many vectors, or NULL if there is not enough. */
SHARED vec *allocate(int64_t vectors) {
  void *memory = NULL;
  return posix_memalign(&memory, 64, (size_t)(vectors + 1) * sizeof(vec)) ? NULL : memory;
}

/* The vectors that hold so many values of a type. */
#define VECTORS(count, type) (((int64_t)(count) * (int64_t)sizeof(type) + VECTOR - 1) / VECTOR)

INLINE int lanes_of(int64_t chunk, int64_t samples) {
  int64_t left = samples - chunk * L;
  return left < L ? (int)left : L;
}

INLINE vec load(const REAL *from, int64_t stride, int lanes) {
  if (stride == 1 && lanes == L) return *(const loose *)from;
  vec value = {0};
  for (int lane = 0; lane < lanes; lane++) value[lane] = from[lane * stride];
  return value;
}

INLINE void store(REAL *to, int lanes, vec value) {
  if (lanes == L) {
    *(loose *)to = value;
    return;
  }
  for (int lane = 0; lane < lanes; lane++) to[lane] = value[lane];
}

/* Vectors one after the other into a place of memory order C, H, W, B. */
INLINE void store_chunk(const vec *from, int64_t count, REAL *to, int64_t samples, int lanes) {
  for (int64_t e = 0; e < count; e++) store(to + e * samples, lanes, from[e]);
}

INLINE vec lane_mask(int lanes) {
  vec mask;
  for (int lane = 0; lane < L; lane++) mask[lane] = lane < lanes;
  return mask;
}

/* Idle lanes take the values of the first sample, so that they never compute what no sample does: 1 / 0, for example. */
INLINE void fill_idle(vec *values, int64_t count, int lanes) {
  if (lanes == L) return;
  for (int64_t e = 0; e < count; e++)
    for (int lane = lanes; lane < L; lane++) values[e][lane] = values[e][0];
}

INLINE double sum_lanes(vec value) {
  double total = 0;
  for (int lane = 0; lane < L; lane++) total += value[lane];
  return total;
}

/* The sum of a vector by halves, for where there are many of them. */
INLINE REAL fold_lanes(vec value) {
  REAL part[L];
  memcpy(part, &value, sizeof(value));
  UNROLL for (int half = L / 2; half; half /= 2) UNROLL for (int lane = 0; lane < half; lane++) part[lane] += part[lane + half];
  return part[0];
}

INLINE vec choose(ivec mask, vec yes, vec no) { return (vec)((mask & (ivec)yes) | (~mask & (ivec)no)); }

/* Sizes of one call. k: odd. pool: 1, or 2 for 2x2 maxima. */
typedef struct {
  int64_t R, B, I, O, H, W, k, pool, threads;
} sizes;

INLINE int64_t chunks_of(const sizes *s) { return (s->B + L - 1) / L; }
INLINE int64_t parts_of(const sizes *s) {
  const int64_t K = chunks_of(s);
  return K < MAX_PARTS ? K : MAX_PARTS;
}

/* The sum of each vector. */
SHARED void add_lanes(const vec *from, int64_t count, REAL *to) {
  for (int64_t e = 0; e < count; e++) to[e] = (REAL)sum_lanes(from[e]);
}

/* The sum of parts [P, count], in order. */
SHARED void add_parts(const REAL *from, int64_t P, int64_t count, REAL *to) {
  for (int64_t e = 0; e < count; e++) {
    REAL total = 0;
    for (int64_t part = 0; part < P; part++) total += from[part * count + e];
    to[e] = total;
  }
}

/* Vectors of sums that a thread holds at once. A gradient of more weights is made in portions, output by output. */
#define MOST_SUMS 131072

/* Values that the parts of a gradient may take in all, if that leaves every thread a row. */
#define MOST_PARTIAL 4194304

/* How much of a weight gradient is made at once: outputs of the convolution, and rows. */
typedef struct {
  int64_t outputs, rows;
} portion;

/* kernel: the weights of one output. */
INLINE portion portion_of(const sizes *s, int64_t kernel) {
  int64_t outputs = MOST_SUMS / kernel / WEIGHT_OUTPUTS * WEIGHT_OUTPUTS;
  if (outputs < WEIGHT_OUTPUTS) outputs = WEIGHT_OUTPUTS;
  if (outputs > s->O) outputs = s->O;
  int64_t rows = MOST_PARTIAL / (parts_of(s) * outputs * kernel);
  if (rows < s->threads) rows = s->threads;
  return (portion){outputs, rows < s->R ? rows : s->R};
}
