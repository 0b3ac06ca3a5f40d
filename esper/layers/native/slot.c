/* A slot of a fleet: whatever grows there, for all rows at once. What a seed computes is a short program of layers. A seed
   never mixes samples, so a chunk of them goes through program and blend, and back, without leaving the cache.

   Symbols: x host features, s = x + gamma * f(x) the seed's output, g its gate, a alpha, t gradient of the blended
   features. C channels, A places of an image. */

#include "program.h"

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

static void gate_backward(const bank *b, int64_t row, int64_t C, int64_t area, const vec *kept, vec g, vec dg,
                          const gradient *to, vec *spare, vec *dx) {
  const int64_t N = b->gate_width;
  const vec *mean = kept, *hidden = mean + C, *active = hidden + N;
  vec *dactive = spare, *dmean = dactive + N, d = dg * g * (1 - g);
  linear_back(b->gate_v + row * N, active, &d, N, 1, dactive, to, b->dgate_v, b->dgate_c);
  for (int64_t n = 0; n < N; n++) dactive[n] *= silu_slope(hidden[n]);
  linear_back(b->gate_w + row * N * C, mean, dactive, C, N, dmean, to, b->dgate_w, b->dgate_b);
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
  vec strength = (vec){0} + b->alpha[row];
  if (b->gate_width) strength *= gate_forward(b, row, w->x, s->I, area, w->gate);
  for (int64_t c = 0; c < s->I; c++) {
    const REAL gamma = b->gamma[row * s->I + c];
    for (int64_t e = c * area; e < (c + 1) * area; e++) {
      const vec x = w->x[e], change = (x + gamma * f[e]) - x;
      w->x[e] = x + strength * (b->mode[row] == MULTIPLY ? x * tanh_lanes(change) : change);
    }
  }
}

/* Gradient of a chunk: t comes in w->dx, the host's gradient goes out there. */
static void grow_chunk_backward(const bank *b, int64_t row, const sizes *s, workspace *w, const gradient *to) {
  const int64_t area = s->H * s->W, C = s->I;
  const int mode = b->mode[row], through = mode == STRAIGHT_THROUGH, isolated = b->isolated[row];
  if (mode == OFF) return;
  const vec *f = program_forward(b, row, s, w);
  vec g = (vec){0} + 1, dg = {0};
  if (b->gate_width) g = gate_forward(b, row, w->x, C, area, w->gate);
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
    add_to(to, b->dgamma + c, dgamma);
  }
  program_backward(b, row, s, w, to);
  if (b->gate_width) gate_backward(b, row, C, area, w->gate, g, dg * gate_scale, to, w->spare, w->dx);
}

/* One row's part of the samples. bank: NULL for a row without a seed, whose features are copied. place: among the tasks. */
typedef struct {
  const bank *bank;
  int64_t row, env, part, parts, place;
} task;

/* A large seed is one task: its gradient is summed where it belongs, and not in parts. */
INLINE int64_t parts_of_bank(const bank *b, int64_t P) { return is_large(b) ? 1 : P; }

static int64_t tasks_of(const bank *banks, int64_t count, int64_t P) {
  int64_t tasks = 0;
  for (int64_t n = 0; n < count; n++) tasks += banks[n].rows * parts_of_bank(banks + n, P);
  return tasks;
}

/* Tasks are numbered bank by bank, row by row, part by part; the rows that are copied follow. */
static task task_of(int64_t number, const bank *banks, int64_t count, const int64_t *others, int64_t P) {
  const int64_t place = number;
  for (int64_t n = 0; n < count; n++) {
    const int64_t parts = parts_of_bank(banks + n, P), tasks = banks[n].rows * parts;
    if (number < tasks) {
      const int64_t row = number / parts;
      return (task){banks + n, row, banks[n].env[row], number % parts, parts, place};
    }
    number -= tasks;
  }
  return (task){NULL, 0, others[number / P], number % P, P, place};
}

/* Blended features [R, C, H, W, B] of all rows; others: the rows without a seed, which are copied. */
int EXPORT(slot)(sizes s, view h, const bank *banks, int64_t count, const int64_t *others, int64_t copied, REAL *out) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, tasks = tasks_of(banks, count, P) + copied * P;
  const needs most = needs_of(banks, count, &s);
  const int64_t each = workspace_vectors(most, &s);
  vec *memory = allocate(s.threads * each);
  if (!memory) return NO_MEMORY;
#pragma omp parallel num_threads(s.threads)
  {
    workspace w = open_workspace(memory + omp_get_thread_num() * each, most, &s);
#pragma omp for schedule(dynamic, 1)
    for (int64_t number = 0; number < tasks; number++) {
      const task t = task_of(number, banks, count, others, P);
      for (int64_t chunk = t.part * K / t.parts; chunk < (t.part + 1) * K / t.parts; chunk++) {
        const int lanes = lanes_of(chunk, s.B);
        pad_chunk(h, t.env, chunk, lanes, s.I, s.H, s.W, 0, w.x);
        if (t.bank) grow_chunk(t.bank, t.row, &s, &w);
        store_chunk(w.x, s.I * area, out + t.env * s.I * area * s.B + chunk * L, s.B, lanes);
      }
    }
  }
  free(memory);
  return DONE;
}

/* The gradients of one task: of its part of the features into dh, of its seed's parameters into to. */
static void task_backward(const task *t, const sizes *s, view h, view dy, workspace *w, const gradient *to, REAL *dh) {
  const int64_t K = chunks_of(s), count = s->I * s->H * s->W;
  for (int64_t chunk = t->part * K / t->parts; chunk < (t->part + 1) * K / t->parts; chunk++) {
    const int lanes = lanes_of(chunk, s->B);
    pad_chunk(dy, t->env, chunk, lanes, s->I, s->H, s->W, 0, w->dx);
    if (t->bank) {
      pad_chunk(h, t->env, chunk, lanes, s->I, s->H, s->W, 0, w->x);
      fill_idle(w->x, count, lanes);
      grow_chunk_backward(t->bank, t->row, s, w, to);
    }
    store_chunk(w->dx, count, dh + t->env * count * s->B + chunk * L, s->B, lanes);
  }
}

/* Gradient dh [R, C, H, W, B] of the features, and of every parameter of the banks into their gradient [rows, P]. */
int EXPORT(slot_backward)(sizes s, view h, view dy, const bank *banks, int64_t count, const int64_t *others,
                          int64_t copied, REAL *dh) {
  const int64_t P = parts_of(&s), seeds = tasks_of(banks, count, P), tasks = seeds + copied * P;
  const needs most = needs_of(banks, count, &s);
  const int64_t shared = VECTORS(seeds * most.parameters, REAL), each = workspace_vectors(most, &s);
  vec *memory = allocate(shared + s.threads * each);
  if (!memory) return NO_MEMORY;
  REAL *partial = (REAL *)memory;
#pragma omp parallel num_threads(s.threads)
  {
    workspace w = open_workspace(memory + shared + omp_get_thread_num() * each, most, &s);
#pragma omp for schedule(dynamic, 1)
    for (int64_t number = 0; number < tasks; number++) {
      const task t = task_of(number, banks, count, others, P);
      gradient to = {0};
      if (t.bank && is_large(t.bank)) {
        to = (gradient){.portion = w.portion, .totals = t.bank->gradient + t.row * t.bank->parameters};
        memset(to.totals, 0, sizeof(REAL) * t.bank->parameters);
      } else if (t.bank) {
        to = (gradient){.lanes = w.lanes};
        memset(to.lanes, 0, sizeof(vec) * t.bank->parameters);
      }
      task_backward(&t, &s, h, dy, &w, &to, dh);
      if (to.lanes) add_lanes(to.lanes, t.bank->parameters, partial + t.place * most.parameters);
    }
#pragma omp for schedule(static)
    for (int64_t number = 0; number < seeds; number++) {
      const task t = task_of(number, banks, count, others, P);
      if (t.part || is_large(t.bank)) continue;
      REAL *to = t.bank->gradient + t.row * t.bank->parameters;
      memset(to, 0, sizeof(REAL) * t.bank->parameters);
      for (int64_t part = 0; part < P; part++)
        for (int64_t e = 0; e < t.bank->parameters; e++) to[e] += partial[(t.place + part) * most.parameters + e];
    }
  }
  free(memory);
  return DONE;
}
