/* What seeds are made of: convolution in groups, without bias, and group normalisation; and their gradients. */

#include "common.h"

/* y [R, O, H, W, B] from x and w [R, O, I / groups, k, k]. */
void EXPORT(convolution)(sizes s, int64_t groups, view x, const REAL *w, REAL *y) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, padded_area = (s.H + s.k - 1) * (s.W + s.k - 1);
  const int64_t inputs = s.I / groups, outputs = s.O / groups, kernel = inputs * s.k * s.k;
#pragma omp parallel num_threads(s.threads)
  {
    vec *padded = buffer(s.I * padded_area), *z = buffer(s.O * area);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, s.k / 2, padded);
      for (int64_t g = 0; g < groups; g++)
        convolve(padded + g * inputs * padded_area, inputs, s.H, s.W, w + (row * s.O + g * outputs) * kernel, outputs,
                 (int)s.k, z + g * outputs * area);
      store_chunk(z, s.O * area, y + row * s.O * area * s.B + chunk * L, s.B, lanes);
    }
    free(padded);
    free(z);
  }
}

/* Gradients of convolution. dx [R, I, H, W, B] or NULL; dw as w. */
void EXPORT(convolution_backward)(sizes s, int64_t groups, view x, view dy, const REAL *w, REAL *dx, REAL *dw) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, padded_area = (s.H + s.k - 1) * (s.W + s.k - 1);
  const int64_t inputs = s.I / groups, outputs = s.O / groups, kernel = inputs * s.k * s.k, weights = s.O * kernel;
  REAL *partial = malloc(sizeof(REAL) * s.R * P * weights);
#pragma omp parallel num_threads(s.threads)
  {
    vec *input = buffer(s.I * padded_area), *gradient = buffer(s.O * padded_area), *sums = buffer(weights);
    vec *back = buffer(s.I * area);
    REAL *mirrored = malloc(sizeof(REAL) * weights);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * P; task++) {
      const int64_t row = task / P, part = task % P;
      for (int64_t g = 0; dx && g < groups; g++)
        mirror(w + row * weights + g * outputs * kernel, outputs, inputs, (int)s.k, mirrored + g * outputs * kernel);
      memset(sums, 0, sizeof(vec) * weights);
      for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
        const int lanes = lanes_of(chunk, s.B);
        pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, s.k / 2, input);
        pad_chunk(dy, row, chunk, lanes, s.O, s.H, s.W, s.k / 2, gradient);
        for (int64_t g = 0; g < groups; g++) {
          const vec *from = gradient + g * outputs * padded_area;
          weight_gradient(input + g * inputs * padded_area, inputs, s.H, s.W, from, outputs, (int)s.k,
                          sums + g * outputs * kernel);
          if (dx)
            convolve(from, outputs, s.H, s.W, mirrored + g * outputs * kernel, inputs, (int)s.k,
                     back + g * inputs * area);
        }
        if (dx) store_chunk(back, s.I * area, dx + row * s.I * area * s.B + chunk * L, s.B, lanes);
      }
      add_lanes(sums, weights, partial + task * weights);
    }
    free(input);
    free(gradient);
    free(sums);
    free(back);
    free(mirrored);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.R; row++) add_parts(partial + row * P * weights, P, weights, dw + row * weights);
  }
  free(partial);
}

/* Mean and 1 / standard deviation of one sample's group, for L samples. values: count vectors. */
static void group_moments(const vec *values, int64_t count, REAL epsilon, vec *mean, vec *inverse) {
  vec sum = {0}, square = {0};
  for (int64_t e = 0; e < count; e++) sum += values[e];
  *mean = sum / (REAL)count;
  for (int64_t e = 0; e < count; e++) {
    const vec off = values[e] - *mean;
    square += off * off;
  }
  square = square / (REAL)count + epsilon;
  for (int lane = 0; lane < L; lane++) (*inverse)[lane] = 1 / SQRT(square[lane]);
}

/* y [R, I, H, W, B] from x with I channels in groups; gamma, beta [R, I]. Statistics are of each sample and group. */
void EXPORT(group_norm)(sizes s, int64_t groups, view x, const REAL *gamma, const REAL *beta, double epsilon, REAL *y) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, count = s.I / groups * area;
#pragma omp parallel num_threads(s.threads)
  {
    vec *values = buffer(s.I * area);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, 0, values);
      for (int64_t g = 0; g < groups; g++) {
        vec mean, inverse;
        group_moments(values + g * count, count, (REAL)epsilon, &mean, &inverse);
        for (int64_t c = g * s.I / groups; c < (g + 1) * s.I / groups; c++) {
          const vec factor = inverse * gamma[row * s.I + c], offset = beta[row * s.I + c] - mean * factor;
          for (int64_t e = 0; e < area; e++) values[c * area + e] = values[c * area + e] * factor + offset;
        }
      }
      store_chunk(values, s.I * area, y + row * s.I * area * s.B + chunk * L, s.B, lanes);
    }
    free(values);
  }
}

/* Gradients of group_norm. dx [R, I, H, W, B]; dgamma, dbeta [R, I]. */
void EXPORT(group_norm_backward)(sizes s, int64_t groups, view x, view dy, const REAL *gamma, double epsilon, REAL *dx,
                                 REAL *dgamma, REAL *dbeta) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, count = s.I / groups * area;
  REAL *partial = malloc(sizeof(REAL) * 2 * s.R * K * s.I);
#pragma omp parallel num_threads(s.threads)
  {
    vec *values = buffer(s.I * area), *gradient = buffer(s.I * area);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      REAL *products = partial + task * 2 * s.I, *sums = products + s.I;
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, 0, values);
      pad_chunk(dy, row, chunk, lanes, s.I, s.H, s.W, 0, gradient);
      for (int64_t g = 0; g < groups; g++) {
        vec mean, inverse, first = {0}, second = {0};
        group_moments(values + g * count, count, (REAL)epsilon, &mean, &inverse);
        for (int64_t c = g * s.I / groups; c < (g + 1) * s.I / groups; c++) {
          const REAL weight = gamma[row * s.I + c];
          vec sum = {0}, product = {0};
          for (int64_t e = 0; e < area; e++) {
            vec *value = values + c * area + e;
            *value = (*value - mean) * inverse;
            sum += gradient[c * area + e];
            product += gradient[c * area + e] * *value;
          }
          /* Idle lanes have no gradient. */
          sums[c] = (REAL)sum_lanes(sum);
          products[c] = (REAL)sum_lanes(product);
          first += weight * sum;
          second += weight * product;
        }
        first /= (REAL)count;
        second /= (REAL)count;
        for (int64_t c = g * s.I / groups; c < (g + 1) * s.I / groups; c++) {
          const REAL weight = gamma[row * s.I + c];
          for (int64_t e = c * area; e < (c + 1) * area; e++)
            values[e] = (weight * gradient[e] - first - values[e] * second) * inverse;
        }
      }
      store_chunk(values, s.I * area, dx + row * s.I * area * s.B + chunk * L, s.B, lanes);
    }
    free(values);
    free(gradient);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.R; row++) {
      REAL *both = malloc(sizeof(REAL) * 2 * s.I);
      add_parts(partial + row * K * 2 * s.I, K, 2 * s.I, both);
      memcpy(dgamma + row * s.I, both, sizeof(REAL) * s.I);
      memcpy(dbeta + row * s.I, both + s.I, sizeof(REAL) * s.I);
      free(both);
    }
  }
  free(partial);
}
