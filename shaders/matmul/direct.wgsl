// y = epilogue(a b + bias), for any device and any shape: either orientation of each operand is a matter of strides.
//
// Threads: one for each element of y, 64 a workgroup; SUMS: then one for each row of a (column of b), whose sum it gives. Layouts: plain.
// Sums run over k in order, in one accumulator.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "matmul/problem.wgsl"
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//#endif
//#if SUMS!=none
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
//#endif

//#if OPERAND
@group(0) @binding(6) var<storage, read> operand: array<f32>;
//#endif

//#epilogue

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * 64u + li;
  let size = params.batches * params.m * params.n;
//#if SUMS!=none
  if (index >= size) {
    let i = index - size;
    var sum = 0.0;
//#if SUMS==a
    if (i >= params.m) { return; }
    for (var q = 0u; q < params.k; q++) { sum += a[i * params.a_row + q * params.a_k]; }
//#else
    if (i >= params.n) { return; }
    for (var q = 0u; q < params.k; q++) { sum += b[i * params.b_col + q * params.b_k]; }
//#endif
    sums[i] = sum;
  }
//#endif
  if (index >= size) { return; }
  let col = index % params.n;
  let line = index / params.n;
  let start = batch_offsets(line / params.m) + vec2u((line % params.m) * params.a_row, col * params.b_col);
  var sum = 0.0;
  for (var q = 0u; q < params.k; q++) { sum += a[start.x + q * params.a_k] * b[start.y + q * params.b_k]; }
//#if BIAS
  sum += bias[col];
//#endif
//#if OPERAND
  y[index] = epilogue(sum, operand[index]);
//#else
  y[index] = epilogue(sum, 0.0);
//#endif
}
