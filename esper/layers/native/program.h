#pragma once

/* A seed's program of layers for one chunk, there and back. Every layer's output stays in the workspace. */

#include "convolution.h"
#include "layers.h"
#include "norm.h"

enum { OFF, STRAIGHT_THROUGH, ADD, MULTIPLY };

#define EPSILON 1e-5

/* Seeds of one build in one slot. env: their rows of the features. gate_width 0: no gates. */
typedef struct {
  int64_t rows, layers, parameters, gate_width;
  const layer *layer;
  const int64_t *env;
  const uint8_t *mode, *isolated;
  const REAL *alpha, *gamma;
  const REAL *gate_w, *gate_b, *gate_v, *gate_c;
  int64_t dgamma, dgate_w, dgate_b, dgate_v, dgate_c;
  REAL *gradient;
} bank;

/* Scratch memory of one thread: the outputs of all layers, what layers keep for the way back, padded images, gradients. */
typedef struct {
  vec *x, *values, *kept, *gate, *input, *gradient, *d, *spare, *dx, *lanes, *portion;
  REAL *mirrored;
} workspace;

/* Vectors of each of these that the largest of all banks needs; weights and parameters are counted singly. */
typedef struct {
  int64_t values, kept, gate, input, channels, weights, portion, parameters;
} needs;

INLINE int is_large(const bank *b) { return b->parameters > MOST_SUMS; }

/* What a layer keeps for the way back. */
INLINE int64_t kept_by(const layer *this) {
  if (this->kind == GROUP_NORM) return MOMENTS * this->groups;
  return this->kind == ATTENTION ? 2 * (this->hidden + this->outputs) : 0;
}

INLINE int64_t kernel_of(const layer *this) { return this->inputs / this->groups * this->k * this->k; }

/* The outputs of a large seed's convolution whose gradient is made at once. */
INLINE int64_t outputs_at_once(const layer *this) {
  const int64_t outputs = MOST_SUMS / kernel_of(this);
  return outputs < 1 ? 1 : outputs < this->outputs ? outputs : this->outputs;
}

#define MOST(field, value) \
  if ((value) > most.field) most.field = (value)

static needs needs_of(const bank *banks, int64_t count, const sizes *s) {
  needs most = {.channels = s->I};
  for (int64_t n = 0; n < count; n++) {
    int64_t values = 0, kept = 0;
    for (int64_t l = 0; l < banks[n].layers; l++) {
      const layer *this = banks[n].layer + l;
      const int64_t channels = this->inputs > this->outputs ? this->inputs : this->outputs;
      values += this->outputs * s->H * s->W;
      kept += kept_by(this);
      MOST(channels, channels);
      MOST(channels, this->hidden);
      MOST(input, channels * (s->H + this->k - 1) * (s->W + this->k - 1));
      if (this->kind != CONVOLUTION) continue;
      MOST(weights, this->outputs * kernel_of(this));
      if (is_large(banks + n)) MOST(portion, outputs_at_once(this) * kernel_of(this));
    }
    MOST(values, values);
    MOST(kept, kept);
    MOST(channels, banks[n].gate_width);
    if (banks[n].gate_width) MOST(gate, s->I + 2 * banks[n].gate_width);
    if (!is_large(banks + n)) MOST(parameters, banks[n].parameters);
  }
  return most;
}

static int64_t workspace_vectors(needs n, const sizes *s) {
  const int64_t area = s->H * s->W;
  return 2 * s->I * area + n.values + n.kept + n.gate + 2 * n.input + n.channels * (area + 3) + n.parameters +
         n.portion + VECTORS(n.weights, REAL);
}

static workspace open_workspace(vec *memory, needs n, const sizes *s) {
  const int64_t area = s->H * s->W;
  workspace w = {.x = memory};
  w.dx = w.x + s->I * area;
  w.values = w.dx + s->I * area;
  w.kept = w.values + n.values;
  w.gate = w.kept + n.kept;
  w.input = w.gate + n.gate;
  w.gradient = w.input + n.input;
  w.d = w.gradient + n.input;
  w.spare = w.d + n.channels * area;
  w.lanes = w.spare + 3 * n.channels;
  w.portion = w.lanes + n.parameters;
  w.mirrored = (REAL *)(w.portion + n.portion);
  return w;
}

/* f(x) of one seed. Returns the last layer's output. */
static const vec *program_forward(const bank *b, int64_t row, const sizes *s, workspace *w) {
  const int64_t area = s->H * s->W;
  const vec *from = w->x;
  vec *to = w->values, *kept = w->kept;
  for (int64_t l = 0; l < b->layers; l++) {
    const layer *this = b->layer + l;
    const int64_t C = this->outputs, count = C * area;
    switch (this->kind) {
      case CONVOLUTION:
        pad_vectors(from, this->inputs, s->H, s->W, this->k / 2, w->input);
        convolve_groups(w->input, this->inputs, s->H, s->W, this->w + row * C * kernel_of(this), C, this->groups,
                        (int)this->k, to);
        break;
      case GROUP_NORM:
        norm_forward(from, C, area, this->groups, this->w + row * C, this->b + row * C, (REAL)EPSILON, kept, to);
        break;
      case RELU:
        for (int64_t e = 0; e < count; e++) to[e] = choose(from[e] < 0, (vec){0}, from[e]);
        break;
      case SILU:
        for (int64_t e = 0; e < count; e++) to[e] = from[e] * sigmoid_lanes(from[e]);
        break;
      case ATTENTION: attention_forward(this, row, from, area, to, kept); break;
      case LESS_INPUT:
        for (int64_t e = 0; e < count; e++) to[e] = from[e] - w->x[e];
        break;
    }
    kept += kept_by(this);
    from = to;
    to += count;
  }
  return from;
}

/* The gradient of a convolution's weights; w->input and w->gradient hold the padded images. */
static void convolution_weights(const layer *this, const sizes *s, const workspace *w, const gradient *to) {
  const int64_t O = this->outputs, kernel = kernel_of(this), at_once = to->lanes ? O : outputs_at_once(this);
  for (int64_t first = 0; first < O; first += at_once) {
    const int64_t last = first + at_once < O ? first + at_once : O, count = (last - first) * kernel;
    vec *sums = to->lanes ? to->lanes + this->dw : to->portion;
    if (!to->lanes) memset(sums, 0, sizeof(vec) * count);
    weight_gradient_groups(w->input, this->inputs, s->H, s->W, w->gradient, O, this->groups, (int)this->k, first, last,
                           sums);
    if (to->lanes) continue;
    REAL *totals = to->totals + this->dw + first * kernel;
    for (int64_t e = 0; e < count; e++) totals[e] += fold_lanes(sums[e]);
  }
}

static void convolution_backward(const layer *this, int64_t row, const vec *from, const sizes *s, workspace *w,
                                 const gradient *to, int inputs_too) {
  pad_vectors(from, this->inputs, s->H, s->W, this->k / 2, w->input);
  pad_vectors(w->d, this->outputs, s->H, s->W, this->k / 2, w->gradient);
  convolution_weights(this, s, w, to);
  if (!inputs_too) return;
  mirror_groups(this->w + row * this->outputs * kernel_of(this), this->outputs, this->inputs, this->groups,
                (int)this->k, w->mirrored);
  convolve_groups(w->gradient, this->outputs, s->H, s->W, w->mirrored, this->inputs, this->groups, (int)this->k, w->d);
}

static void normalisation_backward(const layer *this, int64_t row, const vec *from, int64_t area, const vec *kept,
                                   workspace *w, const gradient *to) {
  const int64_t C = this->outputs;
  vec *products = w->spare, *sums = products + C;
  norm_backward(from, C, area, this->groups, this->w + row * C, kept, w->d, products, sums);
  for (int64_t c = 0; c < C; c++) {
    add_to(to, this->dw + c, products[c]);
    add_to(to, this->db + c, sums[c]);
  }
}

/* w->d holds the gradient of f; the gradient of x is added to w->dx unless the seed is isolated. */
static void program_backward(const bank *b, int64_t row, const sizes *s, workspace *w, const gradient *to) {
  const int64_t area = s->H * s->W;
  const int isolated = b->isolated[row];
  const vec *out = w->values, *kept = w->kept;
  for (int64_t l = 0; l < b->layers; l++) out += b->layer[l].outputs * area, kept += kept_by(b->layer + l);
  for (int64_t l = b->layers - 1; l >= 0; l--) {
    const layer *this = b->layer + l;
    const int64_t count = this->outputs * area;
    out -= count;
    kept -= kept_by(this);
    const vec *from = l ? out - this->inputs * area : w->x;
    switch (this->kind) {
      case CONVOLUTION: convolution_backward(this, row, from, s, w, to, l || !isolated); break;
      case GROUP_NORM: normalisation_backward(this, row, from, area, kept, w, to); break;
      case RELU:
        for (int64_t e = 0; e < count; e++) w->d[e] = choose(out[e] <= 0, (vec){0}, w->d[e]);
        break;
      case SILU:
        for (int64_t e = 0; e < count; e++) w->d[e] *= silu_slope(from[e]);
        break;
      case ATTENTION: attention_backward(this, row, from, area, kept, w->d, to, w->spare); break;
      case LESS_INPUT:
        for (int64_t e = 0; e < count && !isolated; e++) w->dx[e] -= w->d[e];
        break;
    }
  }
  if (!isolated)
    for (int64_t e = 0; e < s->I * area; e++) w->dx[e] += w->d[e];
}
