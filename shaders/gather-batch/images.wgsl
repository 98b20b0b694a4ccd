// x[r] = (image of sample r / 255 - mean) / deviation, for the samples of a batch; images as bytes, NCHW.
//
// Worked out as (byte - 255 mean) * scale, scale = 1 / (255 deviation), so that the bits are the host's (`normalize` of
// src/data/dataset.ts): a difference and then a product are rounded alike everywhere, a quotient is not.
//
// Threads: one for `run` pixels in a row, `runs` threads a sample; x is nhwc (VEC: 4 channels with their padding, which is
// written as zero, else a single one). 255 mean and scale are given for up to 4 channels.
// With TARGETS, the first threads of a sample also copy its target.
// Sample r of the batch is position step.first + r of the epoch, shuffled with step.shuffle if SHUFFLE.
//#include "lib/linear-id.wgsl"
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
//#if VEC
alias T = vec4f;
//#else
alias T = f32;
//#endif
struct Params {
  count: u32, samples: u32, half_bits: u32, plane: u32, run: u32, runs: u32,
  mean0: f32, mean1: f32, mean2: f32, mean3: f32, scale0: f32, scale1: f32, scale2: f32, scale3: f32,
//#if TARGETS
  target_width: u32,
//#endif
}
@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<T>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
//#if TARGETS
//#include "gather-batch/targets.wgsl"
//#endif

fn byte_at(i: u32) -> f32 {
  return f32((images[i / 4u] >> (8u * (i % 4u))) & 255u);
}

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
  let image = sample * CHANNELS * params.plane;
  let begin = (i % params.runs) * params.run;
  let end = min(begin + params.run, params.plane);
  for (var p = begin; p < end; p++) {
    var v = vec4f();
//#for C 0 CHANNELS
    v[$C] = (byte_at(image + $Cu * params.plane + p) - params.mean$C) * params.scale$C;
//#endfor
//#if VEC
    x[r * params.plane + p] = v;
//#else
    x[r * params.plane + p] = v.x;
//#endif
  }
}
