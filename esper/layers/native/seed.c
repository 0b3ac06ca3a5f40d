/* What seeds are made of: convolution in groups, without bias, and group normalisation; and their gradients. */

#include "convolution.h"
#include "norm.h"

/* y [R, O, H, W, B] from x and w [R, O, I / groups, k, k]. */
int EXPORT(convolution)(sizes s, int64_t groups, view x, const REAL *w, REAL *y) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, padded_area = (s.H + s.k - 1) * (s.W + s.k - 1);
  const int64_t weights = s.O * s.I / groups * s.k * s.k, each = s.I * padded_area + s.O * area;
  vec *memory = allocate(s.threads * each);
  if (!memory) return NO_MEMORY;
#pragma omp parallel num_threads(s.threads)
  {
    vec *padded = memory + omp_get_thread_num() * each, *z = padded + s.I * padded_area;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, s.k / 2, padded);
      convolve_groups(padded, s.I, s.H, s.W, w + row * weights, s.O, groups, (int)s.k, z);
      store_chunk(z, s.O * area, y + row * s.O * area * s.B + chunk * L, s.B, lanes);
    }
  }
  free(memory);
  return DONE;
}

/* Gradients of convolution. dx [R, I, H, W, B] or NULL; dw as w. */
int EXPORT(convolution_backward)(sizes s, int64_t groups, view x, view dy, const REAL *w, REAL *dx, REAL *dw) {
  const int64_t K = chunks_of(&s), P = parts_of(&s), area = s.H * s.W, padded_area = (s.H + s.k - 1) * (s.W + s.k - 1);
  const int64_t kernel = s.I / groups * s.k * s.k, weights = s.O * kernel;
  const portion at_once = portion_of(&s, kernel);
  const int64_t shared = VECTORS(at_once.rows * P * at_once.outputs * kernel, REAL);
  const int64_t each = (s.I + s.O) * padded_area + at_once.outputs * kernel + s.I * area + VECTORS(weights, REAL);
  vec *memory = allocate(shared + s.threads * each);
  if (!memory) return NO_MEMORY;
  REAL *partial = (REAL *)memory;
#pragma omp parallel num_threads(s.threads)
  {
    vec *input = memory + shared + omp_get_thread_num() * each, *gradient = input + s.I * padded_area;
    vec *sums = gradient + s.O * padded_area, *back = sums + at_once.outputs * kernel;
    REAL *mirrored = (REAL *)(back + s.I * area);
    for (int64_t first = 0; first < s.O; first += at_once.outputs)
      for (int64_t begin = 0; begin < s.R; begin += at_once.rows) {
        const int64_t last = first + at_once.outputs < s.O ? first + at_once.outputs : s.O;
        const int64_t end = begin + at_once.rows < s.R ? begin + at_once.rows : s.R, count = (last - first) * kernel;
        /* The gradient of x needs all outputs, so it is made once, with the last of them. */
        const int whole = dx && last == s.O;
#pragma omp for schedule(static)
        for (int64_t task = begin * P; task < end * P; task++) {
          const int64_t row = task / P, part = task % P;
          if (whole) mirror_groups(w + row * weights, s.O, s.I, groups, (int)s.k, mirrored);
          memset(sums, 0, sizeof(vec) * count);
          for (int64_t chunk = part * K / P; chunk < (part + 1) * K / P; chunk++) {
            const int lanes = lanes_of(chunk, s.B);
            pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, s.k / 2, input);
            pad_chunk(dy, row, chunk, lanes, s.O, s.H, s.W, s.k / 2, gradient);
            weight_gradient_groups(input, s.I, s.H, s.W, gradient, s.O, groups, (int)s.k, first, last, sums);
            if (!whole) continue;
            convolve_groups(gradient, s.O, s.H, s.W, mirrored, s.I, groups, (int)s.k, back);
            store_chunk(back, s.I * area, dx + row * s.I * area * s.B + chunk * L, s.B, lanes);
          }
          add_lanes(sums, count, partial + (task - begin * P) * count);
        }
#pragma omp for schedule(static)
        for (int64_t row = begin; row < end; row++)
          add_parts(partial + (row - begin) * P * count, P, count, dw + row * weights + first * kernel);
      }
  }
  free(memory);
  return DONE;
}

/* y [R, I, H, W, B] from x with I channels in groups; gamma, beta [R, I]. Statistics are of each sample and group. */
int EXPORT(group_norm)(sizes s, int64_t groups, view x, const REAL *gamma, const REAL *beta, double epsilon, REAL *y) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, each = s.I * area + MOMENTS * groups;
  vec *memory = allocate(s.threads * each);
  if (!memory) return NO_MEMORY;
#pragma omp parallel num_threads(s.threads)
  {
    vec *values = memory + omp_get_thread_num() * each, *moments = values + s.I * area;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, 0, values);
      norm_forward(values, s.I, area, groups, gamma + row * s.I, beta + row * s.I, (REAL)epsilon, moments, values);
      store_chunk(values, s.I * area, y + row * s.I * area * s.B + chunk * L, s.B, lanes);
    }
  }
  free(memory);
  return DONE;
}

/* Gradients of group_norm. dx [R, I, H, W, B]; dgamma, dbeta [R, I]. */
int EXPORT(group_norm_backward)(sizes s, int64_t groups, view x, view dy, const REAL *gamma, double epsilon, REAL *dx,
                                REAL *dgamma, REAL *dbeta) {
  const int64_t K = chunks_of(&s), area = s.H * s.W, count = s.I * area, shared = VECTORS(2 * s.R * K * s.I, REAL);
  const int64_t each = 2 * count + MOMENTS * groups + 2 * s.I;
  vec *memory = allocate(shared + s.threads * each);
  if (!memory) return NO_MEMORY;
  REAL *products = (REAL *)memory, *sums = products + s.R * K * s.I;
#pragma omp parallel num_threads(s.threads)
  {
    vec *values = memory + shared + omp_get_thread_num() * each, *gradient = values + count;
    vec *moments = gradient + count, *product = moments + MOMENTS * groups, *sum = product + s.I;
#pragma omp for schedule(static)
    for (int64_t task = 0; task < s.R * K; task++) {
      const int64_t row = task / K, chunk = task % K;
      const int lanes = lanes_of(chunk, s.B);
      pad_chunk(x, row, chunk, lanes, s.I, s.H, s.W, 0, values);
      fill_idle(values, count, lanes);
      pad_chunk(dy, row, chunk, lanes, s.I, s.H, s.W, 0, gradient);
      for (int64_t g = 0; g < groups; g++)
        group_moments(values + g * count / groups, count / groups, (REAL)epsilon, moments + MOMENTS * g);
      norm_backward(values, s.I, area, groups, gamma + row * s.I, moments, gradient, product, sum);
      add_lanes(product, s.I, products + task * s.I);
      add_lanes(sum, s.I, sums + task * s.I);
      store_chunk(gradient, count, dx + row * count * s.B + chunk * L, s.B, lanes);
    }
#pragma omp for schedule(static)
    for (int64_t row = 0; row < s.R; row++) {
      add_parts(products + row * K * s.I, K, s.I, dgamma + row * s.I);
      add_parts(sums + row * K * s.I, K, s.I, dbeta + row * s.I);
    }
  }
  free(memory);
  return DONE;
}
