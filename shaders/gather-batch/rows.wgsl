// x[r, :] = rows[sample r, :] for the samples of a batch: labels (width 1) or rows of numbers.
//
// Threads: one for `run` units in a row, `runs` threads a sample. A unit is an element, with WIDE four of them, which needs
// rows of a multiple of four. Samples and TARGETS as in gather-batch/images.wgsl.
//#include "lib/linear-id.wgsl"
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
//#if WIDE
alias T = vec4u;
//#else
alias T = u32;
//#endif
struct Params {
  count: u32, samples: u32, half_bits: u32, width: u32, run: u32, runs: u32,
//#if TARGETS
  target_width: u32,
//#endif
}
@group(0) @binding(0) var<storage, read> rows: array<T>;
@group(0) @binding(1) var<storage, read_write> x: array<T>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
//#if TARGETS
//#include "gather-batch/targets.wgsl"
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let r = i / params.runs;
  let position = min(step.first + r, params.samples - 1u);
//#if SHUFFLE
  let sample = shuffled(position, params.samples, params.half_bits, step.shuffle);
//#else
  let sample = position;
//#endif
//#if TARGETS
  copy_target(r, sample, i % params.runs, params.runs);
//#endif
  let begin = (i % params.runs) * params.run;
  let end = min(begin + params.run, params.width);
  for (var j = begin; j < end; j++) {
    x[r * params.width + j] = rows[sample * params.width + j];
  }
}
