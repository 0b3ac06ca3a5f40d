#pragma once

/* Group normalisation of one chunk, without bias of the mean: statistics are of each sample and group. */

#include "common.h"

/* Vectors that describe a group: its mean as far as REAL holds it, what that leaves out, 1 / standard deviation. */
#define MOMENTS 3

/* So many values are summed before their sum is added to the others, so that fewer digits are lost. */
#define RUN 32

/* m: MOMENTS vectors. With values around 100, a mean alone would cost two digits of their differences. */
static void group_moments(const vec *x, int64_t count, REAL epsilon, vec *m) {
  vec sum = {0}, rest = {0}, square = {0};
  for (int64_t begin = 0; begin < count; begin += RUN) {
    vec run = {0};
    for (int64_t e = begin; e < count && e < begin + RUN; e++) run += x[e];
    sum += run;
  }
  m[0] = sum / (REAL)count;
  for (int64_t begin = 0; begin < count; begin += RUN) {
    vec run = {0}, squares = {0};
    for (int64_t e = begin; e < count && e < begin + RUN; e++) {
      const vec off = x[e] - m[0];
      run += off;
      squares += off * off;
    }
    rest += run;
    square += squares;
  }
  m[1] = rest / (REAL)count;
  m[2] = square / (REAL)count - m[1] * m[1] + epsilon;
  for (int lane = 0; lane < L; lane++) m[2][lane] = 1 / SQRT(m[2][lane]);
}

INLINE vec normal(vec x, const vec *m) { return ((x - m[0]) - m[1]) * m[2]; }

/* gamma, beta [C]; m: MOMENTS for every group. to may be from. */
SHARED void norm_forward(const vec *from, int64_t C, int64_t area, int64_t groups, const REAL *gamma, const REAL *beta,
                         REAL epsilon, vec *m, vec *to) {
  const int64_t width = C / groups;
  for (int64_t g = 0; g < groups; g++, m += MOMENTS) {
    group_moments(from + g * width * area, width * area, epsilon, m);
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      const REAL factor = gamma[c], offset = beta[c];
      for (int64_t e = c * area; e < (c + 1) * area; e++) to[e] = normal(from[e], m) * factor + offset;
    }
  }
}

/* d becomes the gradient of from; products and sums [C] those of gamma and beta. */
SHARED void norm_backward(const vec *from, int64_t C, int64_t area, int64_t groups, const REAL *gamma, const vec *m,
                          vec *d, vec *products, vec *sums) {
  const int64_t width = C / groups;
  for (int64_t g = 0; g < groups; g++, m += MOMENTS) {
    vec first = {0}, second = {0};
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      vec sum = {0}, product = {0};
      for (int64_t e = c * area; e < (c + 1) * area; e++) {
        sum += d[e];
        product += d[e] * normal(from[e], m);
      }
      sums[c] = sum, products[c] = product;
      first += gamma[c] * sum;
      second += gamma[c] * product;
    }
    first /= (REAL)(width * area);
    second /= (REAL)(width * area);
    for (int64_t c = g * width; c < (g + 1) * width; c++)
      for (int64_t e = c * area; e < (c + 1) * area; e++)
        d[e] = (gamma[c] * d[e] - first - normal(from[e], m) * second) * m[2];
  }
}
