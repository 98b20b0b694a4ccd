// SUMS: besides the product, the kernel gives the sums over k of one operand, one for each row of a (SUMS==a) or column of b
// (SUMS==b): the gradient of a bias, where the product is that of a weight. Needs params, y, SPLIT, Y_VEC.
//#if SUMS!=none
//#if !SPLIT
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
//#endif

// The sums of four rows (columns) from `first`, a multiple of 4, on.
fn put_sums(part: u32, first: u32, sum: vec4f) {
//#if SUMS==a
  let count = params.m;
//#else
  let count = params.n;
//#endif
//#if SPLIT
  let at = part * params.split_size + params.sums_at + first;
//#endif
//#for J 0 4
//#if !SPLIT
  if (first + ${J}u < count) { sums[first + ${J}u] = sum[$J]; }
//#elif !Y_VEC
  if (first + ${J}u < count) { y[at + ${J}u] = sum[$J]; }
//#endif
//#endfor
//#if SPLIT
//#if Y_VEC
  if (first < count) { y[at / 4u] = sum; }
//#endif
//#endif
}
//#endif
