// counts[base + label * classes + class of the largest output] += 1 for each sample; of equal outputs the first counts.
// Labels that are no class are left out.
//
// Threads: one for each sample, [samples, classes] row-major. The counts are integers, so the order does not matter.
//#include "lib/linear-id.wgsl"
struct Params { samples: u32, classes: u32, base: u32 }
@group(0) @binding(0) var<storage, read> output: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.samples) { return; }
  let label = u32(labels[i]);
  if (label >= params.classes) { return; }
  let row = i * params.classes;
  var best = 0u;
  for (var c = 1u; c < params.classes; c++) {
    if (output[row + c] > output[row + best]) { best = c; }
  }
  atomicAdd(&counts[params.base + label * params.classes + best], 1u);
}
