// y[kept index] = scale * sum over the reduced axes of x.
//
// Threads: one workgroup of SIZE for each kept index; every thread adds a strided share, then a tree in workgroup memory:
// a fixed order, and an error that grows with the logarithm of the count only.
// Kept axes (kept$D, row-major order of y) and reduced axes (red$D) have a size and a stride in x; unused ones size 1.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params {
  count: u32, reduced: u32, scale: f32,
//#for D 0 RANK
  kept$D: u32, kept_stride$D: u32, red$D: u32, red_stride$D: u32,
//#endfor
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
var<workgroup> partial: array<f32, SIZE>;

fn kept_offset(i: u32) -> u32 {
  var rest = i;
  var offset = 0u;
//#for D 0 RANK
  offset += (rest % params.kept${RANK-1-D}) * params.kept_stride${RANK-1-D};
  rest /= params.kept${RANK-1-D};
//#endfor
  return offset;
}

fn reduced_offset(i: u32) -> u32 {
  var rest = i;
  var offset = 0u;
//#for D 0 RANK
  offset += (rest % params.red${RANK-1-D}) * params.red_stride${RANK-1-D};
  rest /= params.red${RANK-1-D};
//#endfor
  return offset;
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups);
  let base = kept_offset(min(i, params.count - 1u));
  var sum = 0.0;
  for (var r = li; r < params.reduced; r += u32(SIZE)) { sum += x[base + reduced_offset(r)]; }
  partial[li] = sum;
  for (var width = tree_half(params.reduced, SIZE); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { partial[li] += partial[li + width]; }
  }
  if (li == 0u && i < params.count) { y[i] = partial[0] * params.scale; }
}
