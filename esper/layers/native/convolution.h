#pragma once

/* Convolution of one chunk, and its gradients. The chunk lies padded with zeros: [channels, H + k - 1, W + k - 1]. */

#include "common.h"

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

/* Convolution in groups: x [I, H + k - 1, W + k - 1], w [O, I / groups, k, k], to [O, H, W]. */
SHARED void convolve_groups(const vec *x, int64_t I, int64_t H, int64_t W, const REAL *w, int64_t O, int64_t groups,
                            int k, vec *to) {
  const int64_t inputs = I / groups, outputs = O / groups, padded = (H + k - 1) * (W + k - 1);
  for (int64_t g = 0; g < groups; g++)
    convolve(x + g * inputs * padded, inputs, H, W, w + g * outputs * inputs * k * k, outputs, k,
             to + g * outputs * H * W);
}

/* mirror() of every group. */
SHARED void mirror_groups(const REAL *w, int64_t O, int64_t I, int64_t groups, int k, REAL *to) {
  const int64_t inputs = I / groups, outputs = O / groups, weights = outputs * inputs * k * k;
  for (int64_t g = 0; g < groups; g++) mirror(w + g * weights, outputs, inputs, k, to + g * weights);
}

/* weight_gradient() of the outputs from first to last of a convolution in groups; sums [last - first, I / groups, k, k]. */
SHARED void weight_gradient_groups(const vec *x, int64_t I, int64_t H, int64_t W, const vec *d, int64_t O,
                                   int64_t groups, int k, int64_t first, int64_t last, vec *sums) {
  const int64_t inputs = I / groups, outputs = O / groups, padded = (H + k - 1) * (W + k - 1);
  for (int64_t o = first; o < last;) {
    const int64_t g = o / outputs, end = (g + 1) * outputs < last ? (g + 1) * outputs : last;
    weight_gradient(x + g * inputs * padded, inputs, H, W, d + o * padded, end - o, k,
                    sums + (o - first) * inputs * k * k);
    o = end;
  }
}
