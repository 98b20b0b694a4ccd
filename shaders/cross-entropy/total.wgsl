// totals[g] = sum of the weights of the rows of workgroup g: what a weighted mean divides by, before the gradient is scaled.
//
// Threads: rows in a loop over the grid, then a tree.
//#include "cross-entropy/common.wgsl"
//#include "cross-entropy/labels.wgsl"
@group(0) @binding(3) var<storage, read_write> totals: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  var sum = 0.0;
  for (var row = wg.x * u32(SIZE) + li; row < params.rows; row += groups.x * u32(SIZE)) { sum += row_weight(wanted(row)); }
  let total = tree_sum(li, vec4f(sum, 0.0, 0.0, 0.0));
  if (li == 0u) { totals[wg.x] = total.x; }
}
