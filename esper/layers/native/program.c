/* A slot of a fleet: whatever grows there, for all rows at once. What a seed computes is a short program of layers. A seed
   never mixes samples, so a chunk of them goes through program and blend, and back, without leaving the cache.

   Symbols: x host features, s = x + gamma * f(x) the seed's output, g its gate, a alpha, t gradient of the blended
   features. C channels, A places of an image. */

#include "common.h"

enum { CONVOLUTION, GROUP_NORM, RELU, SILU, ATTENTION, LESS_INPUT };
enum { OFF, STRAIGHT_THROUGH, ADD, MULTIPLY };

#define EPSILON 1e-5

/* w, b, v: weights [rows, ...]; dw, db, dv: where their gradients lie in a row of the bank's gradient. ATTENTION squeezes
   with w [hidden, C] and excites with v [C, hidden] and b [C]. */
typedef struct {
  int64_t kind, inputs, outputs, k, groups, hidden;
  const REAL *w, *b, *v;
  int64_t dw, db, dv;
} layer;

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

INLINE REAL sigmoid(REAL z) { return 1 / (1 + EXP(-z)); }

INLINE vec sigmoid_lanes(vec z) {
  for (int lane = 0; lane < L; lane++) z[lane] = sigmoid(z[lane]);
  return z;
}

INLINE vec tanh_lanes(vec z) {
  for (int lane = 0; lane < L; lane++) z[lane] = TANH(z[lane]);
  return z;
}

/* Scratch memory of one thread: the outputs of all layers, moments of group norms, padded images, gradients. */
typedef struct {
  vec *x, *values, *moments, *input, *gradient, *d, *spare, *dx;
  REAL *mirrored;
} workspace;

typedef struct {
  int64_t values, moments, input, channels, weights, parameters;
} needs;

static needs needs_of(const bank *banks, int64_t count, const sizes *s) {
  needs most = {0};
#define MOST(field, value) \
  if ((value) > most.field) most.field = (value)
  for (int64_t n = 0; n < count; n++) {
    int64_t values = 0, moments = 0;
    for (int64_t l = 0; l < banks[n].layers; l++) {
      const layer *this = banks[n].layer + l;
      values += this->outputs;
      moments += 2 * (this->groups + this->hidden + this->outputs);
      const int64_t channels = this->inputs > this->outputs ? this->inputs : this->outputs;
      MOST(channels, channels);
      MOST(input, channels * (s->H + this->k - 1) * (s->W + this->k - 1));
      if (this->kind == CONVOLUTION) MOST(weights, this->outputs * this->inputs / this->groups * this->k * this->k);
    }
    MOST(values, values);
    MOST(moments, moments);
    MOST(parameters, banks[n].parameters);
    MOST(channels, s->I);
    MOST(moments, 4 * (banks[n].gate_width + s->I));
  }
  return most;
}

static workspace open_workspace(needs n, const sizes *s) {
  const int64_t area = s->H * s->W;
  return (workspace){
      .x = buffer(s->I * area),
      .values = buffer(n.values * area),
      .moments = buffer(n.moments),
      .input = buffer(n.input),
      .gradient = buffer(n.input),
      .d = buffer(n.channels * area),
      .spare = buffer(n.channels * area + n.moments),
      .dx = buffer(s->I * area),
      .mirrored = malloc(sizeof(REAL) * (n.weights + 1)),
  };
}

static void close_workspace(workspace *w) {
  free(w->x), free(w->values), free(w->moments), free(w->input), free(w->gradient);
  free(w->d), free(w->spare), free(w->dx), free(w->mirrored);
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

/* Gradients of linear. dfrom is overwritten; sums are added to. */
static void linear_back(const REAL *w, const vec *from, const vec *d, int64_t M, int64_t N, vec *dfrom, vec *dw, vec *db) {
  for (int64_t m = 0; m < M; m++) dfrom[m] = (vec){0};
  for (int64_t n = 0; n < N; n++) {
    if (db) db[n] += d[n];
    for (int64_t m = 0; m < M; m++) {
      dw[n * M + m] += d[n] * from[m];
      dfrom[m] += w[n * M + m] * d[n];
    }
  }
}

INLINE vec silu_slope(vec z) {
  const vec q = sigmoid_lanes(z);
  return q * (1 + z * (1 - q));
}

static void norm_forward(const layer *this, int64_t row, const vec *from, int64_t area, vec *to, vec *moments) {
  const int64_t C = this->outputs, width = C / this->groups, count = width * area;
  for (int64_t g = 0; g < this->groups; g++) {
    vec sum = {0}, square = {0};
    for (int64_t e = g * count; e < (g + 1) * count; e++) sum += from[e];
    const vec mean = sum / (REAL)count;
    for (int64_t e = g * count; e < (g + 1) * count; e++) square += (from[e] - mean) * (from[e] - mean);
    vec inverse = square / (REAL)count + (REAL)EPSILON;
    for (int lane = 0; lane < L; lane++) inverse[lane] = 1 / SQRT(inverse[lane]);
    moments[2 * g] = mean, moments[2 * g + 1] = inverse;
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      const vec factor = inverse * this->w[row * C + c], offset = this->b[row * C + c] - mean * factor;
      for (int64_t e = c * area; e < (c + 1) * area; e++) to[e] = from[e] * factor + offset;
    }
  }
}

/* d becomes the gradient of from. */
static void norm_backward(const layer *this, int64_t row, const vec *from, int64_t area, const vec *moments, vec *d,
                          vec *sums) {
  const int64_t C = this->outputs, width = C / this->groups;
  for (int64_t g = 0; g < this->groups; g++) {
    const vec mean = moments[2 * g], inverse = moments[2 * g + 1];
    vec first = {0}, second = {0};
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      vec sum = {0}, product = {0};
      for (int64_t e = c * area; e < (c + 1) * area; e++) {
        sum += d[e];
        product += d[e] * ((from[e] - mean) * inverse);
      }
      sums[this->dw + c] += product;
      sums[this->db + c] += sum;
      first += this->w[row * C + c] * sum;
      second += this->w[row * C + c] * product;
    }
    first /= (REAL)(width * area);
    second /= (REAL)(width * area);
    for (int64_t c = g * width; c < (g + 1) * width; c++)
      for (int64_t e = c * area; e < (c + 1) * area; e++)
        d[e] = (this->w[row * C + c] * d[e] - first - (from[e] - mean) * inverse * second) * inverse;
  }
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
                               vec *sums, vec *spare) {
  const int64_t C = this->inputs, N = this->hidden;
  const vec *mean = kept, *hidden = mean + C, *active = hidden + N, *strength = active + N;
  vec *dstrength = spare, *dactive = dstrength + C, *dmean = dactive + N;
  for (int64_t c = 0; c < C; c++) {
    vec sum = {0};
    for (int64_t e = c * area; e < (c + 1) * area; e++) sum += d[e] * from[e];
    dstrength[c] = sum * strength[c] * (1 - strength[c]);
  }
  linear_back(this->v + row * C * N, active, dstrength, N, C, dactive, sums + this->dv, sums + this->db);
  for (int64_t n = 0; n < N; n++) dactive[n] *= silu_slope(hidden[n]);
  linear_back(this->w + row * N * C, mean, dactive, C, N, dmean, sums + this->dw, NULL);
  for (int64_t c = 0; c < C; c++) {
    const vec share = dmean[c] / (REAL)area;
    for (int64_t e = c * area; e < (c + 1) * area; e++) d[e] = d[e] * strength[c] + share;
  }
}

/* f(x) of one seed. Every layer's output stays in w->values, one after the other. Returns the last. */
static const vec *program_forward(const bank *b, int64_t row, const sizes *s, workspace *w) {
  const int64_t area = s->H * s->W;
  const vec *from = w->x;
  vec *to = w->values, *moments = w->moments;
  for (int64_t l = 0; l < b->layers; l++) {
    const layer *this = b->layer + l;
    const int64_t count = this->outputs * area, places = (s->H + this->k - 1) * (s->W + this->k - 1);
    const int64_t inputs = this->inputs / this->groups, outputs = this->outputs / this->groups;
    const int64_t kernel = inputs * this->k * this->k;
    switch (this->kind) {
      case CONVOLUTION:
        pad_vectors(from, this->inputs, s->H, s->W, this->k / 2, w->input);
        for (int64_t g = 0; g < this->groups; g++)
          convolve(w->input + g * inputs * places, inputs, s->H, s->W,
                   this->w + (row * this->outputs + g * outputs) * kernel, outputs, (int)this->k,
                   to + g * outputs * area);
        break;
      case GROUP_NORM: norm_forward(this, row, from, area, to, moments); break;
      case RELU:
        for (int64_t e = 0; e < count; e++) to[e] = choose(from[e] < 0, (vec){0}, from[e]);
        break;
      case SILU:
        for (int64_t e = 0; e < count; e++) to[e] = from[e] * sigmoid_lanes(from[e]);
        break;
      case ATTENTION: attention_forward(this, row, from, area, to, moments); break;
      case LESS_INPUT:
        for (int64_t e = 0; e < count; e++) to[e] = from[e] - w->x[e];
        break;
    }
    moments += 2 * (this->groups + this->hidden + this->outputs);
    from = to;
    to += count;
  }
  return from;
}

/* w->d holds the gradient of f; the gradient of x is added to w->dx unless the seed is isolated. */
static void program_backward(const bank *b, int64_t row, const sizes *s, workspace *w, vec *sums) {
  const int64_t area = s->H * s->W;
  const int isolated = b->isolated[row];
  vec *out = w->values, *moments = w->moments;
  for (int64_t l = 0; l < b->layers; l++) {
    out += b->layer[l].outputs * area;
    moments += 2 * (b->layer[l].groups + b->layer[l].hidden + b->layer[l].outputs);
  }
  for (int64_t l = b->layers - 1; l >= 0; l--) {
    const layer *this = b->layer + l;
    const int64_t count = this->outputs * area, places = (s->H + this->k - 1) * (s->W + this->k - 1);
    const int64_t inputs = this->inputs / this->groups, outputs = this->outputs / this->groups;
    const int64_t kernel = inputs * this->k * this->k;
    out -= count;
    moments -= 2 * (this->groups + this->hidden + this->outputs);
    const vec *from = l ? out - this->inputs * area : w->x;
    switch (this->kind) {
      case CONVOLUTION:
        pad_vectors(from, this->inputs, s->H, s->W, this->k / 2, w->input);
        pad_vectors(w->d, this->outputs, s->H, s->W, this->k / 2, w->gradient);
        for (int64_t g = 0; g < this->groups; g++) {
          const REAL *weights = this->w + (row * this->outputs + g * outputs) * kernel;
          const vec *d = w->gradient + g * outputs * places;
          weight_gradient(w->input + g * inputs * places, inputs, s->H, s->W, d, outputs, (int)this->k,
                          sums + this->dw + g * outputs * kernel);
          if (l == 0 && isolated) continue;
          mirror(weights, outputs, inputs, (int)this->k, w->mirrored);
          convolve(d, outputs, s->H, s->W, w->mirrored, inputs, (int)this->k, w->d + g * inputs * area);
        }
        break;
      case GROUP_NORM: norm_backward(this, row, from, area, moments, w->d, sums); break;
      case RELU:
        for (int64_t e = 0; e < count; e++) w->d[e] = choose(out[e] <= 0, (vec){0}, w->d[e]);
        break;
      case SILU:
        for (int64_t e = 0; e < count; e++) w->d[e] *= silu_slope(from[e]);
        break;
      case ATTENTION: attention_backward(this, row, from, area, moments, w->d, sums, w->spare); break;
      case LESS_INPUT:
        for (int64_t e = 0; e < count && !isolated; e++) w->dx[e] -= w->d[e];
        break;
    }
  }
  if (!isolated)
    for (int64_t e = 0; e < s->I * area; e++) w->dx[e] += w->d[e];
}

/* The gate's strength for every sample. kept: means [C], hidden [width], active [width]. */
static vec gate_forward(const bank *b, int64_t row, const vec *x, int64_t C, int64_t area, vec *kept) {
  const int64_t N = b->gate_width;
  vec *mean = kept, *hidden = mean + C, *active = hidden + N, strength;
  channel_means(x, C, area, mean);
  linear(b->gate_w + row * N * C, b->gate_b + row * N, mean, C, N, hidden);
  for (int64_t n = 0; n < N; n++) active[n] = hidden[n] * sigmoid_lanes(hidden[n]);
  linear(b->gate_v + row * N, b->gate_c + row, active, N, 1, &strength);
  return sigmoid_lanes(strength);
}

static void gate_backward(const bank *b, int64_t row, int64_t C, int64_t area, const vec *kept, vec g, vec dg, vec *sums,
                          vec *spare, vec *dx) {
  const int64_t N = b->gate_width;
  const vec *mean = kept, *hidden = mean + C, *active = hidden + N;
  vec *dactive = spare, *dmean = dactive + N, d = dg * g * (1 - g);
  linear_back(b->gate_v + row * N, active, &d, N, 1, dactive, sums + b->dgate_v, sums + b->dgate_c);
  for (int64_t n = 0; n < N; n++) dactive[n] *= silu_slope(hidden[n]);
  linear_back(b->gate_w + row * N * C, mean, dactive, C, N, dmean, sums + b->dgate_w, sums + b->dgate_b);
  if (b->isolated[row]) return;
  for (int64_t c = 0; c < C; c++) {
    const vec share = dmean[c] / (REAL)area;
    for (int64_t e = c * area; e < (c + 1) * area; e++) dx[e] += share;
  }
}

static void grow_chunk(const bank *b, int64_t row, const sizes *s, workspace *w) {
  const int64_t area = s->H * s->W;
  if (b->mode[row] == OFF || b->mode[row] == STRAIGHT_THROUGH) return;
  const vec *f = program_forward(b, row, s, w);
  /* The moments of the program are not needed any more. */
  vec strength = (vec){0} + b->alpha[row];
  if (b->gate_width) strength *= gate_forward(b, row, w->x, s->I, area, w->moments);
  for (int64_t c = 0; c < s->I; c++) {
    const REAL gamma = b->gamma[row * s->I + c];
    for (int64_t e = c * area; e < (c + 1) * area; e++) {
      const vec x = w->x[e], change = (x + gamma * f[e]) - x;
      w->x[e] = x + strength * (b->mode[row] == MULTIPLY ? x * tanh_lanes(change) : change);
    }
  }
}

/* Gradient of a chunk: t comes in w->dx, the host's gradient goes out there. */
static void grow_chunk_backward(const bank *b, int64_t row, const sizes *s, workspace *w, vec *sums) {
  const int64_t area = s->H * s->W, C = s->I;
  const int mode = b->mode[row], through = mode == STRAIGHT_THROUGH, isolated = b->isolated[row];
  if (mode == OFF) return;
  const vec *f = program_forward(b, row, s, w);
  vec g = (vec){0} + 1, dg = {0};
  vec gate_kept[b->gate_width ? C + 2 * b->gate_width : 1];
  if (b->gate_width) g = gate_forward(b, row, w->x, C, area, gate_kept);
  const vec strength = (through ? (vec){0} + 1 : g * b->alpha[row]);
  const vec gate_scale = (vec){0} + (through ? 1 : b->alpha[row]);
  for (int64_t c = 0; c < C; c++) {
    const REAL gamma = b->gamma[row * C + c];
    vec dgamma = {0};
    for (int64_t e = c * area; e < (c + 1) * area; e++) {
      const vec x = w->x[e], s_ = x + gamma * f[e], change = s_ - x;
      vec t = w->dx[e], ds, direct = {0};
      if (through) {
        t = choose((s_ - s_) == 0, t, (vec){0}); /* a seed that has diverged leaves the host alone */
        ds = t;
      } else if (mode == MULTIPLY) {
        const vec th = tanh_lanes(change), slope = x * (1 - th * th);
        ds = strength * slope * t;
        direct = strength * (th - slope) * t;
      } else {
        ds = strength * t;
        direct = -ds;
      }
      dg += change * t;
      dgamma += f[e] * ds;
      w->d[e] = gamma * ds;
      if (!isolated) w->dx[e] += ds + direct;
    }
    sums[b->dgamma + c] += dgamma;
  }
  program_backward(b, row, s, w, sums);
  if (b->gate_width) gate_backward(b, row, C, area, gate_kept, g, dg * gate_scale, sums, w->spare, w->dx);
}

/* Tasks are numbered bank by bank, row by row, part by part. */
static const bank *bank_of(const bank *banks, int64_t *row) {
  while (*row >= banks->rows) *row -= banks++->rows;
  return banks;
}

static int64_t rows_of(const bank *banks, int64_t count) {
  int64_t rows = 0;
  for (int64_t n = 0; n < count; n++) rows += banks[n].rows;
  return rows;
}

/* Blended features [R, C, H, W, B] of all rows; others: the rows without a seed, which are copied. */
void EXPORT(slot)(sizes s, view h, const bank *banks, int64_t count, const int64_t *others, int64_t copied, REAL *out) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, rows = rows_of(banks, count);
#pragma omp parallel num_threads(s.threads)
  {
    workspace w = open_workspace(needs_of(banks, count, &s), &s);
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < (rows + copied) * P; task++) {
      int64_t row = task / P, env;
      const int64_t part = task % P;
      const bank *b = NULL;
      if (row < rows) {
        b = bank_of(banks, &row);
        env = b->env[row];
      } else
        env = others[row - rows];
      for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
        const int lanes = lanes_of(chunk, s.B);
        pad_chunk(h, env, chunk, lanes, s.I, s.H, s.W, 0, w.x);
        if (b) grow_chunk(b, row, &s, &w);
        store_chunk(w.x, s.I * area, out + env * s.I * area * s.B + chunk * L, s.B, lanes);
      }
    }
    close_workspace(&w);
  }
}

/* Gradient dh [R, C, H, W, B] of the features, and of every parameter of the banks into their gradient [rows, P]. */
void EXPORT(slot_backward)(sizes s, view h, view t, const bank *banks, int64_t count, const int64_t *others, int64_t copied,
                           REAL *dh) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, rows = rows_of(banks, count);
  const needs most = needs_of(banks, count, &s);
  REAL *partial = malloc(sizeof(REAL) * (rows * P * most.parameters + 1));
#pragma omp parallel num_threads(s.threads)
  {
    workspace w = open_workspace(most, &s);
    vec *sums = buffer(most.parameters);
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < (rows + copied) * P; task++) {
      int64_t row = task / P, env;
      const int64_t part = task % P;
      const bank *b = NULL;
      if (row < rows) {
        b = bank_of(banks, &row);
        env = b->env[row];
        memset(sums, 0, sizeof(vec) * b->parameters);
      } else
        env = others[row - rows];
      for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
        const int lanes = lanes_of(chunk, s.B);
        pad_chunk(t, env, chunk, lanes, s.I, s.H, s.W, 0, w.dx);
        if (b) {
          pad_chunk(h, env, chunk, lanes, s.I, s.H, s.W, 0, w.x);
          grow_chunk_backward(b, row, &s, &w, sums);
        }
        store_chunk(w.dx, s.I * area, dh + env * s.I * area * s.B + chunk * L, s.B, lanes);
      }
      if (b) add_lanes(sums, b->parameters, partial + task * most.parameters);
    }
    free(sums);
    close_workspace(&w);
#pragma omp for schedule(static)
    for (int64_t index = 0; index < rows; index++) {
      int64_t row = index;
      const bank *b = bank_of(banks, &row);
      REAL *to = b->gradient + row * b->parameters;
      memset(to, 0, sizeof(REAL) * b->parameters);
      for (int64_t part = 0; part < P; part++)
        for (int64_t e = 0; e < b->parameters; e++) to[e] += partial[(index * P + part) * most.parameters + e];
    }
  }
  free(partial);
}
