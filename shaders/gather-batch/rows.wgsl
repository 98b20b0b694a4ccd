// x[r, :] = rows[sample r, :] for the samples of a batch: labels (width 1) or rows of numbers.
//
// Threads: one for each element of x, plain. Samples and TARGETS as in gather-batch/images.wgsl.
//#include "lib/linear-id.wgsl"
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
struct Params {
  count: u32, samples: u32, half_bits: u32, width: u32,
//#if TARGETS
  target_width: u32,
//#endif
}
@group(0) @binding(0) var<storage, read> rows: array<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
//#if TARGETS
//#include "gather-batch/targets.wgsl"
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let r = i / params.width;
  let position = min(step.first + r, params.samples - 1u);
//#if SHUFFLE
  let sample = shuffled(position, params.samples, params.half_bits, step.shuffle);
//#else
  let sample = position;
//#endif
//#if TARGETS
  copy_target(r, sample, i % params.width, params.width);
//#endif
  x[i] = rows[sample * params.width + i % params.width];
}
