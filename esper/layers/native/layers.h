#pragma once

/* The layers of a seed's program for one chunk: activations, linear maps, squeeze and excitation, and their gradients.

   C channels, A places of an image. */

#include "common.h"

enum { CONVOLUTION, GROUP_NORM, RELU, SILU, ATTENTION, LESS_INPUT };

/* w, b, v: weights [rows, ...]; dw, db, dv: where their gradients lie in a row of the bank's gradient. ATTENTION squeezes
   with w [hidden, C] and excites with v [C, hidden] and b [C]. */
typedef struct {
  int64_t kind, inputs, outputs, k, groups, hidden;
  const REAL *w, *b, *v;
  int64_t dw, db, dv;
} layer;

/* The gradient of one seed's parameters, summed over samples. A seed of up to MOST_SUMS parameters has a vector for each
   in lanes, and adds the lanes up at the end. A larger one has no lanes: it adds them up chunk by chunk into totals, the
   weights of a convolution by way of portion, which holds MOST_SUMS of them or one output. */
typedef struct {
  vec *lanes, *portion;
  REAL *totals;
} gradient;

INLINE void add_to(const gradient *to, int64_t at, vec value) {
  if (to->lanes)
    to->lanes[at] += value;
  else
    to->totals[at] += fold_lanes(value);
}

INLINE REAL sigmoid(REAL z) { return 1 / (1 + EXP(-z)); }

INLINE vec sigmoid_lanes(vec z) {
  for (int lane = 0; lane < L; lane++) z[lane] = sigmoid(z[lane]);
  return z;
}

INLINE vec tanh_lanes(vec z) {
  for (int lane = 0; lane < L; lane++) z[lane] = TANH(z[lane]);
  return z;
}

static void pad_vectors(const vec *from, int64_t C, int64_t H, int64_t W, int64_t pad, vec *to) {
  const int64_t width = W + 2 * pad, height = H + 2 * pad;
  if (pad) memset(to, 0, sizeof(vec) * C * height * width);
  for (int64_t c = 0; c < C; c++)
    for (int64_t y = 0; y < H; y++)
      memcpy(to + (c * height + y + pad) * width + pad, from + (c * H + y) * W, sizeof(vec) * W);
}

static void channel_means(const vec *x, int64_t C, int64_t area, vec *mean) {
  for (int64_t c = 0; c < C; c++) {
    vec sum = {0};
    for (int64_t e = 0; e < area; e++) sum += x[c * area + e];
    mean[c] = sum / (REAL)area;
  }
}

/* to [N] = w [N, M] from [M] + b, for L samples; b may be NULL. */
static void linear(const REAL *w, const REAL *b, const vec *from, int64_t M, int64_t N, vec *to) {
  for (int64_t n = 0; n < N; n++) {
    vec sum = (vec){0} + (b ? b[n] : 0);
    for (int64_t m = 0; m < M; m++) sum += w[n * M + m] * from[m];
    to[n] = sum;
  }
}

/* Gradients of linear. dfrom is overwritten; dw and db are places of the sums, db negative without a bias. */
static void linear_back(const REAL *w, const vec *from, const vec *d, int64_t M, int64_t N, vec *dfrom,
                        const gradient *to, int64_t dw, int64_t db) {
  for (int64_t m = 0; m < M; m++) dfrom[m] = (vec){0};
  for (int64_t n = 0; n < N; n++) {
    if (db >= 0) add_to(to, db + n, d[n]);
    for (int64_t m = 0; m < M; m++) {
      add_to(to, dw + n * M + m, d[n] * from[m]);
      dfrom[m] += w[n * M + m] * d[n];
    }
  }
}

INLINE vec silu_slope(vec z) {
  const vec q = sigmoid_lanes(z);
  return q * (1 + z * (1 - q));
}

static void attention_forward(const layer *this, int64_t row, const vec *from, int64_t area, vec *to, vec *kept) {
  const int64_t C = this->inputs, N = this->hidden;
  vec *mean = kept, *hidden = mean + C, *active = hidden + N, *strength = active + N;
  channel_means(from, C, area, mean);
  linear(this->w + row * N * C, NULL, mean, C, N, hidden);
  for (int64_t n = 0; n < N; n++) active[n] = hidden[n] * sigmoid_lanes(hidden[n]);
  linear(this->v + row * C * N, this->b + row * C, active, N, C, strength);
  for (int64_t c = 0; c < C; c++) {
    strength[c] = sigmoid_lanes(strength[c]);
    for (int64_t e = c * area; e < (c + 1) * area; e++) to[e] = from[e] * strength[c];
  }
}

static void attention_backward(const layer *this, int64_t row, const vec *from, int64_t area, const vec *kept, vec *d,
                               const gradient *to, vec *spare) {
  const int64_t C = this->inputs, N = this->hidden;
  const vec *mean = kept, *hidden = mean + C, *active = hidden + N, *strength = active + N;
  vec *dstrength = spare, *dactive = dstrength + C, *dmean = dactive + N;
  for (int64_t c = 0; c < C; c++) {
    vec sum = {0};
    for (int64_t e = c * area; e < (c + 1) * area; e++) sum += d[e] * from[e];
    dstrength[c] = sum * strength[c] * (1 - strength[c]);
  }
  linear_back(this->v + row * C * N, active, dstrength, N, C, dactive, to, this->dv, this->db);
  for (int64_t n = 0; n < N; n++) dactive[n] *= silu_slope(hidden[n]);
  linear_back(this->w + row * N * C, mean, dactive, C, N, dmean, to, this->dw, -1);
  for (int64_t c = 0; c < C; c++) {
    const vec share = dmean[c] / (REAL)area;
    for (int64_t e = c * area; e < (c + 1) * area; e++) d[e] = d[e] * strength[c] + share;
  }
}
