// a / b for a < 2^31, 0 < b < 2^20, exactly: WGSL's integer division is slow everywhere, on software drivers most of all.
// The quotient of the floats is off by a * 2^-21 / b + 1 at most, so the remainder is small and its quotient exact.
fn divide(a: u32, b: u32) -> u32 {
  let q = u32(f32(a) / f32(b));
  let rest = i32(a - q * b);
  return u32(i32(q) + i32(floor((f32(rest) + 0.5) / f32(b))));
}

// a / b for 0 <= a < 2^20, 0 < b < 2^20, exactly: half a step of the quotient is more than its rounding error.
fn divide_small(a: i32, b: i32) -> i32 {
  return i32((f32(a) + 0.5) / f32(b));
}
