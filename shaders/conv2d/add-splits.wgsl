// dweight = sum of `splits` parts of `size` elements that lie one after another, always in the same order. DBIAS: what is
// behind the first `count` elements of a part belongs to dbias.
//
// Threads: SIZE a workgroup, LANES for each element; each adds every LANESth part, then the first adds theirs in order.
//#include "lib/linear-id.wgsl"
struct Params { count: u32, size: u32, splits: u32 }
@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
//#if DBIAS
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
//#endif
var<workgroup> partial: array<f32, SIZE>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let lane = li / ${SIZE/LANES}u;
  let index = linear_group(wg, groups) * ${SIZE/LANES}u + li % ${SIZE/LANES}u;
  var sum = 0.0;
  if (index < params.size) {
    for (var part = lane; part < params.splits; part += ${LANES}u) { sum += parts[part * params.size + index]; }
  }
//#if LANES!=1
  partial[li] = sum;
  workgroupBarrier();
  if (lane > 0u) { return; }
//#for L 1 LANES
  sum += partial[li + ${L*SIZE/LANES}u];
//#endfor
//#endif
  if (index < params.count) { dweight[index] = sum; }
//#if DBIAS
  if (index >= params.count && index < params.size) { dbias[index - params.count] = sum; }
//#endif
}
