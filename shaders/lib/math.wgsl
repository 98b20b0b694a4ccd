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

// log(1 + x) for x >= 0, accurate for small x too, where WGSL's log may be off by 2^-21: up to 1 the series of
// 2 atanh(s) with s = x / (2 + x), whose remainder is under 2^-28 of the result.
fn log1p_exact(x: f32) -> f32 {
  let s = x / (2.0 + x);
  let q = s * s;
  var p = 1.0 / 13.0 + q / 15.0;
  p = 1.0 / 11.0 + q * p;
  p = 1.0 / 9.0 + q * p;
  p = 1.0 / 7.0 + q * p;
  p = 1.0 / 5.0 + q * p;
  p = 1.0 / 3.0 + q * p;
  return select(log(1.0 + x), 2.0 * (s + s * q * p), x <= 1.0);
}

// exp(x) - 1, accurate for small x too: the series to x^8 below 1/2, where its remainder is under 2^-24 of the result.
fn expm1_exact(x: f32) -> f32 {
  var s = 1.0 + x / 8.0;
  s = 1.0 + x / 7.0 * s;
  s = 1.0 + x / 6.0 * s;
  s = 1.0 + x / 5.0 * s;
  s = 1.0 + x / 4.0 * s;
  s = 1.0 + x / 3.0 * s;
  s = 1.0 + x / 2.0 * s;
  return select(exp(x) - 1.0, x * s, abs(x) < 0.5);
}

// The normal distribution function (1 + erf(x / sqrt(2))) / 2, and its density exp(-x^2 / 2) / sqrt(2 pi).
// Tail: exp(-a^2 / 2) t P(t) with t = 1 / (1 + 0.35 a), the form of Abramowitz and Stegun 7.1.26; P was fitted to 3e-8 of
// the tail for a = 0..15. In float32 it is off by 2e-7 at most, and by 8e-7 of the tail for a < 5.
struct Normal { cdf: f32, density: f32 }

fn normal(x: f32) -> Normal {
  let a = min(abs(x), 15.0);
  let e = exp(-0.5 * a * a);
  let t = 1.0 / (1.0 + 0.35 * a);
  var p = 0.1440602376 - 0.0291638067 * t;
  p = -0.2559007326 + p * t;
  p = 0.1593916681 + p * t;
  p = -0.0232630176 + p * t;
  p = 0.1055744743 + p * t;
  p = 0.1198155758 + p * t;
  p = 0.1398643262 + p * t;
  p = 0.1396212589 + p * t;
  let tail = e * (p * t);
  return Normal(select(tail, 1.0 - tail, x > 0.0), e * 0.3989422804);
}

fn gelu(x: f32) -> f32 { return x * normal(x).cdf; }

fn gelu_slope(x: f32) -> f32 {
  let n = normal(x);
  return n.cdf + x * n.density;
}

// x (1 + tanh(u)) / 2 = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3); beyond 15 nothing changes but x.
fn gelu_tanh(x: f32) -> f32 {
  let c = clamp(x, -15.0, 15.0);
  return x * sigmoid(1.5957691216 * (c + 0.044715 * c * c * c));
}

fn gelu_tanh_slope(x: f32) -> f32 {
  let c = clamp(x, -15.0, 15.0);
  let u = 1.5957691216 * (c + 0.044715 * c * c * c);
  return sigmoid(u) * (1.0 + c * sigmoid(-u) * 1.5957691216 * (1.0 + 0.134145 * c * c));
}

fn silu_slope(x: f32) -> f32 { return sigmoid(x) * (1.0 + x * sigmoid(-x)); }

// tanh(softplus(x)) = ((1 + w)^2 - 1) / ((1 + w)^2 + 1) with w = exp(x), and in exp(-x) for x > 0: the numerator over the
// denominator, and the derivative of that fraction.
struct MishGate { gate: f32, slope: f32 }

fn mish_gate(x: f32) -> MishGate {
  let e = exp(-abs(x));
  let up = x > 0.0;
  let n = select(e * (e + 2.0), 1.0 + 2.0 * e, up);
  let rest = select(2.0, 2.0 * e * e, up);
  let d = n + rest;
  // 1 - tanh^2 = rest (d + n) / d^2
  return MishGate(n / d, rest / d * ((d + n) / d) * sigmoid(x));
}

fn mish(x: f32) -> f32 { return x * mish_gate(x).gate; }

fn mish_slope(x: f32) -> f32 {
  let g = mish_gate(x);
  return g.gate + x * g.slope;
}

// a to the power b. WGSL's pow is exp2(b log2(a)) and undefined for a < 0. Whole exponents up to 32 are products, exact
// where the result is; a < 0 with a broken exponent has no power: the result is 0.
fn power(a: f32, b: f32) -> f32 {
  let m = abs(b);
  let whole = m == floor(m);
  if (whole && m <= 32.0) {
    var r = 1.0;
    var p = a;
    for (var k = u32(m); k > 0u; k >>= 1u) {
      if ((k & 1u) == 1u) { r *= p; }
      if (k > 1u) { p *= p; }
    }
    return select(r, 1.0 / r, b < 0.0);
  }
  // log2 must not see 0: 1 stands in for it.
  let r = select(exp2(b * log2(select(abs(a), 1.0, a == 0.0))), 0.0, a == 0.0 && b > 0.0);
  let odd = whole && m < 16777216.0 && fract(0.5 * m) != 0.0;
  return select(select(select(0.0, r, whole), -r, odd), r, a >= 0.0);
}
