/* A host's block: convolution without bias, batch normalisation, 2x2 maxima if pooled, ReLU; and its gradients. */

#include "common.h"

#define INACTIVE 4

/* Samples in a chunk. */
int64_t EXPORT(lanes)(void) { return L; }

/* Mean and sum of squared deviations of every channel of one chunk of z. */
static void chunk_moments(const vec *z, int64_t O, int64_t area, int lanes, double *mean, double *deviation) {
  const vec mask = lane_mask(lanes);
  const double count = (double)area * lanes;
  for (int64_t o = 0; o < O; o++) {
    const vec *from = z + o * area;
    vec sum = {0}, square = {0};
    for (int64_t p = 0; p < area; p++) sum += from[p];
    mean[o] = sum_lanes(sum) / count;
    const REAL centre = (REAL)mean[o];
    for (int64_t p = 0; p < area; p++) {
      const vec off = from[p] - centre;
      square += off * off;
    }
    /* Idle lanes hold zeros. What the rounding of the centre leaves out is put back. */
    const double shift = mean[o] - centre;
    deviation[o] = sum_lanes(square * mask) - count * shift * shift;
  }
}

/* Chunks together (Chan et al. 1979), for one row. */
static void combine_moments(const sizes *s, const double *mean, const double *deviation, double *mean_o, double *var_o) {
  const int64_t K = chunks_of(s), area = s->H * s->W;
  for (int64_t o = 0; o < s->O; o++) {
    double n = 0, m = 0, d = 0;
    for (int64_t chunk = 0; chunk < K; chunk++) {
      const double more = (double)area * lanes_of(chunk, s->B), delta = mean[chunk * s->O + o] - m;
      d += deviation[chunk * s->O + o] + delta * delta * n * more / (n + more);
      m += delta * more / (n + more);
      n += more;
    }
    mean_o[o] = m;
    var_o[o] = d / n;
  }
}

/* scale * z + shift, maximum of each window, ReLU, for one chunk. which: the winning place, or INACTIVE. */
static void finish_chunk(const sizes *s, const vec *z, const REAL *scale, const REAL *shift, int lanes, REAL *y,
                         int64_t y_channel, bytes *which) {
  const int64_t pool = s->pool, height = s->H / pool, width = s->W / pool, area = s->H * s->W;
  for (int64_t o = 0; o < s->O; o++) {
    const REAL a = scale[o], b = shift[o];
    for (int64_t h = 0; h < height; h++)
      for (int64_t x = 0; x < width; x++) {
        const vec *from = z + o * area + h * pool * s->W + x * pool;
        vec best = a * from[0] + b;
        ivec place = {0};
        for (int e = 1; e < pool * pool; e++) {
          const vec next = a * from[(e >> 1) * s->W + (e & 1)] + b;
          const ivec better = (next > best) | (next != next);
          best = choose(better, next, best);
          place = (better & e) | (~better & place);
        }
        const int64_t at = o * height * width + h * width + x;
        store(y + o * y_channel + (h * width + x) * s->B, lanes, choose(best < 0, (vec){0}, best));
        if (which) {
          const ivec dead = best <= 0;
          which[at] = __builtin_convertvector((dead & INACTIVE) | (~dead & place), bytes);
        }
      }
  }
}

/* Training: z [R, K, O, H, W, L], y [R, O, H', W', B], which [R, K, O, H', W', L], mean and inverse [R, O]. */
void EXPORT(block_train)(sizes s, view x, const REAL *w, const REAL *gamma, const REAL *beta, REAL *running_mean,
                         REAL *running_var, double momentum, double epsilon, REAL *z, REAL *y, uint8_t *which,
                         double *mean, double *inverse) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, small = (s.H / s.pool) * (s.W / s.pool);
  const int pad = (int)s.k / 2;
  const double samples = (double)s.B * area;
  double *moments = malloc(sizeof(double) * 2 * s.R * K * s.O);
  double *means = moments, *deviations = moments + s.R * K * s.O;
#pragma omp parallel num_threads(s.threads)
  {
    vec *padded = buffer(s.I * (s.H + s.k - 1) * (s.W + s.k - 1));
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * P; task++) {
      const int64_t row = task / P, part = task % P;
      for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
        const int lanes = lanes_of(chunk, s.B);
        vec *out = (vec *)z + (row * K + chunk) * s.O * area;
        pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, pad, padded);
        convolve(padded, s.I, s.H, s.W, w + row * s.O * s.I * s.k * s.k, s.O, (int)s.k, out);
        chunk_moments(out, s.O, area, lanes, means + (row * K + chunk) * s.O, deviations + (row * K + chunk) * s.O);
      }
    }
    free(padded);
    REAL *scale = malloc(sizeof(REAL) * 2 * s.O), *shift = scale + s.O;
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.R; row++) {
      double *m = mean + row * s.O, *v = inverse + row * s.O;
      combine_moments(&s, means + row * K * s.O, deviations + row * K * s.O, m, v);
      for (int64_t o = 0; o < s.O; o++) {
        REAL *rm = running_mean + row * s.O + o, *rv = running_var + row * s.O + o;
        *rm = (REAL)((1 - momentum) * *rm + momentum * m[o]);
        *rv = (REAL)((1 - momentum) * *rv + momentum * v[o] * (samples / (samples - 1)));
        v[o] = 1 / sqrt(v[o] + epsilon);
      }
    }
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      for (int64_t o = 0; o < s.O; o++) {
        const double a = gamma[row * s.O + o] * inverse[row * s.O + o];
        scale[o] = (REAL)a;
        shift[o] = (REAL)(beta[row * s.O + o] - a * mean[row * s.O + o]);
      }
      finish_chunk(&s, (vec *)z + task * s.O * area, scale, shift, lanes_of(chunk, s.B),
                   y + row * s.O * small * s.B + chunk * L, small * s.B, (bytes *)which + task * s.O * small);
    }
    free(scale);
  }
  free(moments);
}

/* Evaluation: the normalisation is scale and shift [R, O]. */
void EXPORT(block_evaluate)(sizes s, view x, const REAL *w, const REAL *scale, const REAL *shift, REAL *y) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, small = (s.H / s.pool) * (s.W / s.pool);
  const int pad = (int)s.k / 2;
#pragma omp parallel num_threads(s.threads)
  {
    vec *padded = buffer(s.I * (s.H + s.k - 1) * (s.W + s.k - 1)), *z = buffer(s.O * area);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, pad, padded);
      convolve(padded, s.I, s.H, s.W, w + row * s.O * s.I * s.k * s.k, s.O, (int)s.k, z);
      finish_chunk(&s, z, scale + row * s.O, shift + row * s.O, lanes,
                   y + row * s.O * small * s.B + chunk * L, small * s.B, NULL);
    }
    free(padded);
    free(z);
  }
}

/* Sums over one chunk of the gradient behind the normalisation, and of that times the normalised value. */
static void gradient_sums(const sizes *s, const vec *z, const bytes *which, view dy, int64_t row, int64_t chunk,
                          int lanes, const double *mean, const double *inverse, double *sum, double *product) {
  const int64_t pool = s->pool, height = s->H / pool, width = s->W / pool, area = s->H * s->W;
  for (int64_t o = 0; o < s->O; o++) {
    const REAL centre = (REAL)mean[o], factor = (REAL)inverse[o];
    const REAL *base = dy.data + row * dy.row + chunk * L * dy.sample + o * dy.channel;
    vec first = {0}, second = {0};
    for (int64_t h = 0; h < height; h++)
      for (int64_t x = 0; x < width; x++) {
        const vec *from = z + o * area + h * pool * s->W + x * pool;
        const ivec place = __builtin_convertvector(which[o * height * width + h * width + x], ivec);
        vec value = from[0];
        for (int e = 1; e < pool * pool; e++)
          value = choose(place == e, from[(e >> 1) * s->W + (e & 1)], value);
        const vec zero = {0};
        const vec g = choose(place == INACTIVE, zero, load(base + h * dy.y + x * dy.x, dy.sample, lanes));
        first += g;
        second += choose(place == INACTIVE, zero, g * ((value - centre) * factor));
      }
    sum[o] = sum_lanes(first);
    product[o] = sum_lanes(second);
  }
}

/* Gradient of the convolution's output, one chunk, with the border that x has: factor * g + slope * z + offset. */
static void spread_chunk(const sizes *s, const vec *z, const bytes *which, view dy, int64_t row, int64_t chunk, int lanes,
                         const REAL *factor, const REAL *slope, const REAL *offset, vec *to) {
  const int pad = (int)s->k / 2;
  const int64_t pool = s->pool, height = s->H / pool, width = s->W / pool, area = s->H * s->W;
  const int64_t line = s->W + s->k - 1, channel = line * (s->H + s->k - 1);
  const vec mask = lane_mask(lanes), zero = {0};
  if (pad) memset(to, 0, sizeof(vec) * s->O * channel);
  for (int64_t o = 0; o < s->O; o++) {
    const REAL a = factor[o];
    const vec p = slope[o] * mask, q = offset[o] * mask;
    const REAL *base = dy.data + row * dy.row + chunk * L * dy.sample + o * dy.channel;
    vec *out = to + o * channel + pad * line + pad;
    if (pool == 1 || s->H % pool || s->W % pool)
      for (int64_t h = 0; h < s->H; h++)
        for (int64_t x = 0; x < s->W; x++) out[h * line + x] = p * z[o * area + h * s->W + x] + q;
    for (int64_t h = 0; h < height; h++)
      for (int64_t x = 0; x < width; x++) {
        const ivec place = __builtin_convertvector(which[o * height * width + h * width + x], ivec);
        const vec g = a * load(base + h * dy.y + x * dy.x, dy.sample, lanes);
        for (int e = 0; e < pool * pool; e++) {
          const int64_t at = (h * pool + (e >> 1)) * s->W + x * pool + (e & 1);
          out[(h * pool + (e >> 1)) * line + x * pool + (e & 1)] =
              choose(place == e, g, zero) + (p * z[o * area + at] + q);
        }
      }
  }
}

/* Gradients of block_train. dx [R, I, H, W, B] or NULL; dw [R, O, I, k, k]; dgamma, dbeta [R, O]. */
void EXPORT(block_backward)(sizes s, view x, view dy, const REAL *w, const REAL *gamma, const REAL *z,
                            const uint8_t *which, const double *mean, const double *inverse, REAL *dx, REAL *dw,
                            REAL *dgamma, REAL *dbeta) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, small = (s.H / s.pool) * (s.W / s.pool);
  const int64_t weights = s.O * s.I * s.k * s.k, padded_area = (s.H + s.k - 1) * (s.W + s.k - 1);
  const int pad = (int)s.k / 2;
  const double samples = (double)s.B * area;
  double *sums = malloc(sizeof(double) * 2 * s.R * K * s.O), *products = sums + s.R * K * s.O;
  REAL *partial = malloc(sizeof(REAL) * s.R * P * weights);
#pragma omp parallel num_threads(s.threads)
  {
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      gradient_sums(&s, (const vec *)z + task * s.O * area, (const bytes *)which + task * s.O * small, dy, row, chunk,
                    lanes_of(chunk, s.B), mean + row * s.O, inverse + row * s.O, sums + task * s.O,
                    products + task * s.O);
    }
    vec *input = buffer(s.I * padded_area), *gradient = buffer(s.O * padded_area), *lanes_sum = buffer(weights);
    vec *back = buffer(s.I * area);
    REAL *mirrored = malloc(sizeof(REAL) * (weights + 3 * s.O));
    REAL *factor = mirrored + weights, *slope = factor + s.O, *offset = slope + s.O;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * P; task++) {
      const int64_t row = task / P, part = task % P;
      for (int64_t o = 0; o < s.O; o++) {
        double first = 0, second = 0;
        for (int64_t chunk = 0; chunk < K; chunk++) {
          first += sums[(row * K + chunk) * s.O + o];
          second += products[(row * K + chunk) * s.O + o];
        }
        const double inv = inverse[row * s.O + o], a = gamma[row * s.O + o] * inv;
        factor[o] = (REAL)a;
        slope[o] = (REAL)(-a * inv * second / samples);
        offset[o] = (REAL)(-a * first / samples + a * inv * second / samples * mean[row * s.O + o]);
        if (part == 0) {
          dbeta[row * s.O + o] = (REAL)first;
          dgamma[row * s.O + o] = (REAL)second;
        }
      }
      if (dx) mirror(w + row * weights, s.O, s.I, (int)s.k, mirrored);
      memset(lanes_sum, 0, sizeof(vec) * weights);
      for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
        const int lanes = lanes_of(chunk, s.B);
        const int64_t at = row * K + chunk;
        spread_chunk(&s, (const vec *)z + at * s.O * area, (const bytes *)which + at * s.O * small, dy, row, chunk, lanes,
                     factor, slope, offset, gradient);
        pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, pad, input);
        weight_gradient(input, s.I, s.H, s.W, gradient, s.O, (int)s.k, lanes_sum);
        if (!dx) continue;
        convolve(gradient, s.O, s.H, s.W, mirrored, s.I, (int)s.k, back);
        store_chunk(back, s.I * area, dx + row * s.I * area * s.B + chunk * L, s.B, lanes);
      }
      add_lanes(lanes_sum, weights, partial + task * weights);
    }
    free(input);
    free(gradient);
    free(lanes_sum);
    free(back);
    free(mirrored);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.R; row++) add_parts(partial + row * P * weights, P, weights, dw + row * weights);
  }
  free(sums);
  free(partial);
}
