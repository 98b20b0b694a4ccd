// means[2, samples, padded channels] = scale * sum over the channels of a group of `sums`, which has the same shape; every
// channel gets its group's; zero in padding.
//
// Threads: LANES for each group of a sample.
//#include "lib/linear-id.wgsl"
//#include "channel-norm/tree.wgsl"
struct Params { samples: u32, groups: u32, size: u32, channels: u32, padded: u32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> means: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * u32(SIZE / LANES) + li / u32(LANES);
  let lane = li % u32(LANES);
  let exists = index < params.samples * params.groups;
  let sample = min(index / params.groups, params.samples - 1u);
  let begin = (index % params.groups) * params.size;
  let own = sample * params.padded;
  let second = params.samples * params.padded;
  var sum = 0.0;
  var moment = 0.0;
  for (var c = begin + lane; c < begin + params.size; c += u32(LANES)) {
    sum += sums[own + c];
    moment += sums[second + own + c];
  }
  sum = params.scale * total(li, sum, params.size);
  moment = params.scale * total(li, moment, params.size);
  if (!exists) { return; }
  let last = begin + params.size == params.channels;
  for (var c = begin + lane; c < select(begin + params.size, params.padded, last); c += u32(LANES)) {
    let real = c < params.channels;
    means[own + c] = select(0.0, sum, real);
    means[second + own + c] = select(0.0, moment, real);
  }
}
