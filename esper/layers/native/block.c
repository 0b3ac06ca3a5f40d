/* A host's block: convolution without bias, batch normalisation, 2x2 maxima if pooled, ReLU; and its gradients. */

#include "convolution.h"

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
int EXPORT(block_train)(sizes s, view x, const REAL *w, const REAL *gamma, const REAL *beta, REAL *running_mean,
                        REAL *running_var, double momentum, double epsilon, REAL *z, REAL *y, uint8_t *which,
                        double *mean, double *inverse) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, small = (s.H / s.pool) * (s.W / s.pool);
  const int64_t padded_area = (s.H + s.k - 1) * (s.W + s.k - 1), shared = VECTORS(2 * s.R * K * s.O, double);
  const int64_t each = s.I * padded_area + VECTORS(2 * s.O, REAL);
  const int pad = (int)s.k / 2;
  const double samples = (double)s.B * area;
  vec *memory = allocate(shared + s.threads * each);
  if (!memory) return NO_MEMORY;
  double *means = (double *)memory, *deviations = means + s.R * K * s.O;
#pragma omp parallel num_threads(s.threads)
  {
    vec *padded = memory + shared + omp_get_thread_num() * each;
    REAL *scale = (REAL *)(padded + s.I * padded_area), *shift = scale + s.O;
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
  }
  free(memory);
  return DONE;
}

/* Evaluation: the normalisation is scale and shift [R, O]. */
int EXPORT(block_evaluate)(sizes s, view x, const REAL *w, const REAL *scale, const REAL *shift, REAL *y) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, small = (s.H / s.pool) * (s.W / s.pool);
  const int64_t padded = s.I * (s.H + s.k - 1) * (s.W + s.k - 1), each = padded + s.O * area;
  const int pad = (int)s.k / 2;
  vec *memory = allocate(s.threads * each);
  if (!memory) return NO_MEMORY;
#pragma omp parallel num_threads(s.threads)
  {
    vec *input = memory + omp_get_thread_num() * each, *z = input + padded;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, pad, input);
      convolve(input, s.I, s.H, s.W, w + row * s.O * s.I * s.k * s.k, s.O, (int)s.k, z);
      finish_chunk(&s, z, scale + row * s.O, shift + row * s.O, lanes,
                   y + row * s.O * small * s.B + chunk * L, small * s.B, NULL);
    }
  }
  free(memory);
  return DONE;
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

/* Gradient of the convolution's output, one chunk of some outputs, with the border that x has:
   factor * g + slope * z + offset. */
static void spread_chunk(const sizes *s, const vec *z, const bytes *which, view dy, int64_t row, int64_t chunk, int lanes,
                         const REAL *factor, const REAL *slope, const REAL *offset, int64_t first, int64_t last,
                         vec *to) {
  const int pad = (int)s->k / 2;
  const int64_t pool = s->pool, height = s->H / pool, width = s->W / pool, area = s->H * s->W;
  const int64_t line = s->W + s->k - 1, channel = line * (s->H + s->k - 1);
  const vec mask = lane_mask(lanes), zero = {0};
  if (pad) memset(to + first * channel, 0, sizeof(vec) * (last - first) * channel);
  for (int64_t o = first; o < last; o++) {
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

/* What spread_chunk needs of one row, and the gradients of gamma and beta. sums, products [K, O]. */
static void combine_sums(const sizes *s, const double *sums, const double *products, const double *mean,
                         const double *inverse, const REAL *gamma, REAL *factor, REAL *slope, REAL *offset,
                         REAL *dgamma, REAL *dbeta) {
  const int64_t K = chunks_of(s);
  const double samples = (double)s->B * s->H * s->W;
  for (int64_t o = 0; o < s->O; o++) {
    double first = 0, second = 0;
    for (int64_t chunk = 0; chunk < K; chunk++) {
      first += sums[chunk * s->O + o];
      second += products[chunk * s->O + o];
    }
    const double a = gamma[o] * inverse[o];
    factor[o] = (REAL)a;
    slope[o] = (REAL)(-a * inverse[o] * second / samples);
    offset[o] = (REAL)(-a * first / samples + a * inverse[o] * second / samples * mean[o]);
    dbeta[o] = (REAL)first;
    dgamma[o] = (REAL)second;
  }
}

/* Gradients of block_train. dx [R, I, H, W, B] or NULL; dw [R, O, I, k, k]; dgamma, dbeta [R, O]. */
int EXPORT(block_backward)(sizes s, view x, view dy, const REAL *w, const REAL *gamma, const REAL *z,
                           const uint8_t *which, const double *mean, const double *inverse, REAL *dx, REAL *dw,
                           REAL *dgamma, REAL *dbeta) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, small = (s.H / s.pool) * (s.W / s.pool);
  const int64_t kernel = s.I * s.k * s.k, weights = s.O * kernel, padded_area = (s.H + s.k - 1) * (s.W + s.k - 1);
  const int pad = (int)s.k / 2;
  const portion at_once = portion_of(&s, kernel);
  const int64_t of_sums = VECTORS(2 * s.R * K * s.O, double), of_rows = VECTORS(3 * s.R * s.O, REAL);
  const int64_t shared = of_sums + of_rows + VECTORS(at_once.rows * P * at_once.outputs * kernel, REAL);
  const int64_t each = (s.I + s.O) * padded_area + at_once.outputs * kernel + s.I * area + VECTORS(weights, REAL);
  vec *memory = allocate(shared + s.threads * each);
  if (!memory) return NO_MEMORY;
  double *sums = (double *)memory, *products = sums + s.R * K * s.O;
  REAL *factor = (REAL *)(memory + of_sums), *slope = factor + s.R * s.O, *offset = slope + s.R * s.O;
  REAL *partial = (REAL *)(memory + of_sums + of_rows);
#pragma omp parallel num_threads(s.threads)
  {
    vec *input = memory + shared + omp_get_thread_num() * each, *gradient = input + s.I * padded_area;
    vec *lanes_sum = gradient + s.O * padded_area, *back = lanes_sum + at_once.outputs * kernel;
    REAL *mirrored = (REAL *)(back + s.I * area);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      gradient_sums(&s, (const vec *)z + task * s.O * area, (const bytes *)which + task * s.O * small, dy, row, chunk,
                    lanes_of(chunk, s.B), mean + row * s.O, inverse + row * s.O, sums + task * s.O,
                    products + task * s.O);
    }
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.R; row++) {
      const int64_t at = row * s.O;
      combine_sums(&s, sums + at * K, products + at * K, mean + at, inverse + at, gamma + at, factor + at, slope + at,
                   offset + at, dgamma + at, dbeta + at);
    }
    for (int64_t first = 0; first < s.O; first += at_once.outputs)
      for (int64_t begin = 0; begin < s.R; begin += at_once.rows) {
        const int64_t last = first + at_once.outputs < s.O ? first + at_once.outputs : s.O;
        const int64_t end = begin + at_once.rows < s.R ? begin + at_once.rows : s.R, count = (last - first) * kernel;
        /* The gradient of x needs all outputs, so it is made once, with the last of them. */
        const int whole = dx && last == s.O;
#pragma omp for schedule(static)
        for (int64_t task = begin * P; task < end * P; task++) {
          const int64_t row = task / P, part = task % P;
          if (whole) mirror(w + row * weights, s.O, s.I, (int)s.k, mirrored);
          memset(lanes_sum, 0, sizeof(vec) * count);
          for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
            const int lanes = lanes_of(chunk, s.B);
            const int64_t at = row * K + chunk;
            spread_chunk(&s, (const vec *)z + at * s.O * area, (const bytes *)which + at * s.O * small, dy, row, chunk,
                         lanes, factor + row * s.O, slope + row * s.O, offset + row * s.O, whole ? 0 : first, last,
                         gradient);
            pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, pad, input);
            weight_gradient(input, s.I, s.H, s.W, gradient + first * padded_area, last - first, (int)s.k, lanes_sum);
            if (!whole) continue;
            convolve(gradient, s.O, s.H, s.W, mirrored, s.I, (int)s.k, back);
            store_chunk(back, s.I * area, dx + row * s.I * area * s.B + chunk * L, s.B, lanes);
          }
          add_lanes(lanes_sum, count, partial + (task - begin * P) * count);
        }
#pragma omp for schedule(static)
        for (int64_t row = begin; row < end; row++)
          add_parts(partial + (row - begin) * P * count, P, count, dw + row * weights + first * kernel);
      }
  }
  free(memory);
  return DONE;
}
