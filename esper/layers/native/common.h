#pragma once

/* What all kernels share: vectors of samples, padding, and convolution of one chunk. Compiled with REAL float or double
   (build.py).

   Legend: R rows (envs), B minibatch, K chunks of L samples, I input channels, O output channels, H, W image, k kernel.

   Samples are the innermost axis: one vector holds the same place of L samples, as many as a register of the processor
   takes, so that every channel count, image size and kernel size keeps all lanes busy. A chunk of L samples is padded into a buffer that stays in the cache and
   goes through the convolution there. A row's result depends on nothing but that row: neither on R nor on the number of
   threads, because partial sums are made per chunk or part and added in order. */

#include <math.h>
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

SHARED vec *buffer(int64_t vectors) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, (size_t)(vectors ? vectors : 1) * sizeof(vec))) abort();
  return memory;
}

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

INLINE double sum_lanes(vec value) {
  double total = 0;
  for (int lane = 0; lane < L; lane++) total += value[lane];
  return total;
}

INLINE vec choose(ivec mask, vec yes, vec no) { return (vec)((mask & (ivec)yes) | (~mask & (ivec)no)); }

/* One chunk of a view as [C, H + 2 pad, W + 2 pad] vectors with a border of zeros. Idle lanes are zero. */
SHARED void pad_chunk(view from, int64_t row, int64_t chunk, int lanes, int64_t C, int64_t H, int64_t W, int64_t pad,
                      vec *to) {
  const int64_t width = W + 2 * pad, height = H + 2 * pad;
  const REAL *base = from.data + row * from.row + chunk * L * from.sample;
  if (pad) memset(to, 0, sizeof(vec) * C * height * width);
  for (int64_t c = 0; c < C; c++)
    for (int64_t y = 0; y < H; y++) {
      const REAL *line = base + c * from.channel + y * from.y;
      vec *out = to + (c * height + y + pad) * width + pad;
      for (int64_t x = 0; x < W; x++) out[x] = load(line + x * from.x, from.sample, lanes);
    }
}

/* outputs x places sums of a convolution; x points at the first place's window, w at the first output's weights. */
INLINE void tile(const vec *x, int64_t channel, int64_t line, const REAL *w, int64_t output, int64_t I, int k,
                 int outputs, int places, vec *to, int64_t to_output) {
  vec sum[OUTPUTS][PLACES];
  UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int p = 0; p < places; p++) sum[o][p] = (vec){0};
  for (int64_t i = 0; i < I; i++)
    for (int ky = 0; ky < k; ky++) {
      const vec *from = x + i * channel + ky * line;
      const REAL *weights = w + (i * k + ky) * k;
      UNROLL for (int kx = 0; kx < k; kx++) UNROLL for (int o = 0; o < outputs; o++) {
        const REAL weight = weights[o * output + kx];
        UNROLL for (int p = 0; p < places; p++) sum[o][p] += weight * from[p + kx];
      }
    }
  UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int p = 0; p < places; p++) to[o * to_output + p] = sum[o][p];
}

/* One line of W places for some outputs. */
INLINE void tile_line(const vec *x, int64_t channel, int64_t line, const REAL *w, int64_t output, int64_t I, int k,
                      int outputs, int64_t W, vec *to, int64_t to_output) {
  int64_t p = 0;
  for (; p + PLACES <= W; p += PLACES) tile(x + p, channel, line, w, output, I, k, outputs, PLACES, to + p, to_output);
  if (PLACES > 2 && p + 2 <= W) {
    tile(x + p, channel, line, w, output, I, k, outputs, 2, to + p, to_output);
    p += 2;
  }
  for (; p < W; p++) tile(x + p, channel, line, w, output, I, k, outputs, 1, to + p, to_output);
}

INLINE void convolve_k(const vec *x, int64_t I, int64_t H, int64_t W, const REAL *w, int64_t O, int k, vec *to,
                       int64_t to_channel) {
  const int64_t line = W + k - 1, channel = line * (H + k - 1), output = I * k * k;
  for (int64_t y = 0; y < H; y++) {
    int64_t o = 0;
    for (; o + OUTPUTS <= O; o += OUTPUTS)
      tile_line(x + y * line, channel, line, w + o * output, output, I, k, OUTPUTS, W, to + o * to_channel + y * W,
                to_channel);
    for (; o < O; o++)
      tile_line(x + y * line, channel, line, w + o * output, output, I, k, 1, W, to + o * to_channel + y * W, to_channel);
  }
}

/* Padded chunk [I, H + k - 1, W + k - 1] with weights [O, I, k, k] to [O, H, W], all of L lanes. */
SHARED void convolve(const vec *x, int64_t I, int64_t H, int64_t W, const REAL *w, int64_t O, int k, vec *to) {
  if (k == 3)
    convolve_k(x, I, H, W, w, O, 3, to, H * W);
  else if (k == 1)
    convolve_k(x, I, H, W, w, O, 1, to, H * W);
  else
    convolve_k(x, I, H, W, w, O, k, to, H * W);
}

/* Weights of the convolution that carries gradients back: [I, O, k, k], mirrored. */
SHARED void mirror(const REAL *w, int64_t O, int64_t I, int k, REAL *to) {
  const int area = k * k;
  for (int64_t o = 0; o < O; o++)
    for (int64_t i = 0; i < I; i++)
      for (int e = 0; e < area; e++) to[(i * O + o) * area + e] = w[(o * I + i) * area + area - 1 - e];
}

INLINE void weight_lines(const vec *x, int64_t line, const vec *d, int64_t d_line, int64_t d_output, int64_t lines,
                         int64_t W, int k, int outputs, vec *sums, int64_t output) {
  UNROLL for (int kx = 0; kx < k; kx += 3) {
    const int taps = k - kx < 3 ? k - kx : 3;
    vec sum[WEIGHT_OUTPUTS][3];
    UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int t = 0; t < taps; t++) sum[o][t] = sums[o * output + kx + t];
    for (int64_t y = 0; y < lines; y++)
      for (int64_t p = 0; p < W; p++) UNROLL for (int o = 0; o < outputs; o++) {
          const vec g = d[o * d_output + y * d_line + p];
          UNROLL for (int t = 0; t < taps; t++) sum[o][t] += g * x[y * line + p + kx + t];
        }
    UNROLL for (int o = 0; o < outputs; o++) UNROLL for (int t = 0; t < taps; t++) sums[o * output + kx + t] = sum[o][t];
  }
}

INLINE void weight_gradient_k(const vec *x, int64_t I, int64_t H, int64_t W, const vec *d, int64_t O, int k, vec *sums) {
  /* The gradient has the same border as x, so that it can be convolved too; its first place is at (pad, pad). */
  const int pad = k / 2;
  const int64_t line = W + k - 1, channel = line * (H + k - 1), output = I * k * k;
  const int64_t block = W >= 64 ? 1 : 64 / W;
  for (int64_t y = 0; y < H; y += block) {
    const int64_t lines = H - y < block ? H - y : block;
    const vec *grad = d + (y + pad) * line + pad;
    int64_t o = 0;
    for (; o < O; o += WEIGHT_OUTPUTS)
      for (int64_t i = 0; i < I; i++)
        for (int ky = 0; ky < k; ky++) {
          const vec *from = x + i * channel + (y + ky) * line;
          vec *to = sums + o * output + (i * k + ky) * k;
          if (O - o >= WEIGHT_OUTPUTS)
            weight_lines(from, line, grad + o * channel, line, channel, lines, W, k, WEIGHT_OUTPUTS, to, output);
          else
            for (int64_t left = 0; left < O - o; left++)
              weight_lines(from, line, grad + (o + left) * channel, line, channel, lines, W, k, 1, to + left * output,
                           output);
        }
  }
}

/* Add a chunk's part of the weight gradient to sums [O, I, k, k] of L lanes; d [O, H + k - 1, W + k - 1]. */
SHARED void weight_gradient(const vec *x, int64_t I, int64_t H, int64_t W, const vec *d, int64_t O, int k, vec *sums) {
  if (k == 3)
    weight_gradient_k(x, I, H, W, d, O, 3, sums);
  else if (k == 1)
    weight_gradient_k(x, I, H, W, d, O, 1, sums);
  else
    weight_gradient_k(x, I, H, W, d, O, k, sums);
}

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
