// y = epilogue(bias + sum of the partial products), part by part in order: the second half of a product with split k.
// SUMS: behind the product, of size4 vec4, a part has its share of the sums of an operand.
//
// Threads: one for each 4 elements of y, 64 a workgroup. Layouts: plain; `splits` times size4 vec4 of partial sums. What is behind
// the end of y is set to zero.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
struct Params { size: u32, size4: u32, part4: u32, splits: u32, n: u32 }
@group(0) @binding(0) var<storage, read> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<f32>;
//#endif
//#if SUMS
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>;
//#endif

//#if OPERAND
@group(0) @binding(5) var<storage, read> operand: array<vec4f>;
//#endif

//#epilogue

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.part4) { return; }
  var sum = vec4f();
  for (var part = 0u; part < params.splits; part++) { sum += partial[part * params.part4 + i]; }
//#if SUMS
  if (i >= params.size4) {
    sums[i - params.size4] = sum;
    return;
  }
//#endif
//#if BIAS
  let col = (vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u)) % params.n;
  sum += vec4f(bias[col.x], bias[col.y], bias[col.z], bias[col.w]);
//#endif
//#if OPERAND
  let s = operand[i];
//#else
  let s = vec4f();
//#endif
  let v = vec4f(epilogue(sum.x, s.x), epilogue(sum.y, s.y), epilogue(sum.z, s.z), epilogue(sum.w, s.w));
  y[i] = select(vec4f(), v, vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.size));
}
