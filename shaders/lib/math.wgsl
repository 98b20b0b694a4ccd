// Functions that stay in range for every finite argument: WGSL may assume that infinities do not occur.
// WGSL's own tanh may be off by 1e-5 (https://www.w3.org/TR/WGSL/#floating-point-accuracy); these are not.

fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

fn tanh_exact(x: f32) -> f32 {
  let e = exp(-2.0 * abs(x));
  return sign(x) * (1.0 - e) / (1.0 + e);
}

// log(1 + exp(x))
fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p_exact(exp(-abs(x)));
}

// log(1 + x) for x >= 0, accurate for small x too (Kahan's correction: Goldberg 1991, theorem 4).
fn log1p_exact(x: f32) -> f32 {
  let u = 1.0 + x;
  let d = u - 1.0;
  return select(log(u) * (x / d), x, d == 0.0);
}
