/* One optimiser step over the rows of a stacked module. */

#include "common.h"

/* One tensor of a stacked module: [rows, size]. */
typedef struct {
  REAL *value;
  int64_t size;
} parameter;

/* Clip each row by its norm, then SGD with momentum and weight decay, for the rows of stepped. gradients and momentum
 * are [rows, P]: a row holds those of all tensors, one after the other. */
int EXPORT(sgd)(int64_t rows, const parameter *tensors, int64_t count, const REAL *gradients, const REAL *norms,
                const uint8_t *stepped, REAL *momentum, int64_t parameters, double rate, double decay, double keep,
                double limit) {
  for (int64_t row = 0; row < rows; row++) {
    if (!stepped[row]) continue;
    REAL scale = (REAL)(limit / (norms[row] + 1e-6));
    if (scale > 1) scale = 1;
    REAL *m = momentum + row * parameters;
    const REAL *gradient = gradients + row * parameters;
    for (int64_t n = 0; n < count; n++) {
      REAL *value = tensors[n].value + row * tensors[n].size;
      for (int64_t e = 0; e < tensors[n].size; e++) {
        m[e] = (REAL)keep * m[e] + (gradient[e] * scale + (REAL)decay * value[e]);
        value[e] -= (REAL)rate * m[e];
      }
      m += tensors[n].size;
      gradient += tensors[n].size;
    }
  }
  return DONE;
}
