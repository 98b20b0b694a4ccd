// loss = scale * sum of the partial sums. Threads: one workgroup of 256, strided shares, then a tree.
//#include "lib/tree.wgsl"
struct Params { count: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;
var<workgroup> tree: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) li: u32) {
  var sum = 0.0;
  for (var i = li; i < params.count; i += 256u) { sum += partials[i]; }
  tree[li] = sum;
  for (var width = tree_half(params.count, 256u); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { tree[li] += tree[li + width]; }
  }
  if (li == 0u) { total[0] = tree[0] * params.scale; }
}
