// SUMS: besides the product, the kernel gives the sums over k of one operand, one for each row of a (SUMS==a) or column of b
// (SUMS==b): the gradient of a bias, where the product is that of a weight. Needs params, y, SPLIT, Y_VEC.
//#if SUMS!=none
//#if !SPLIT
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
//#endif

// The sums of four rows (columns) from `first`, a multiple of 4, on. One store in a loop: it compiles as slowly as a hundred
// multiplications.
fn put_sums(part: u32, first: u32, sum: vec4f) {
//#if SUMS==a
  let count = params.m;
//#else
  let count = params.n;
//#endif
//#if SPLIT
  let at = part * params.split_size + params.sums_at;
//#if Y_VEC
  if (first < count) { y[(at + first) / 4u] = sum; }
//#else
  for (var i = first; i < min(first + 4u, count); i++) { y[at + i] = sum[i - first]; }
//#endif
//#else
  for (var i = first; i < min(first + 4u, count); i++) { sums[i] = sum[i - first]; }
//#endif
}
//#endif
