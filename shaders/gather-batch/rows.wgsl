// y[r, :] = rows[sample r, :] for the samples of a batch: labels (width 1) or rows of numbers.
//
// Threads: one for each element of y, plain. Samples as in gather-batch/images.wgsl.
//#include "lib/linear-id.wgsl"
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
struct Params { count: u32, samples: u32, half_bits: u32, width: u32 }
@group(0) @binding(0) var<storage, read> rows: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let position = min(step.first + i / params.width, params.samples - 1u);
//#if SHUFFLE
  let sample = shuffled(position, params.samples, params.half_bits, step.shuffle);
//#else
  let sample = position;
//#endif
  y[i] = rows[sample * params.width + i % params.width];
}
