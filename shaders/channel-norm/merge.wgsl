// stats = mean and 1 / deviation of each group of channels of a sample, from the parts that moments.wgsl made; [2, samples,
// padded channels], so each channel finds its own; zero in padding. TRACK: the new running statistics too.
//
// Threads: LANES for each group. Two passes over the parts: the mean of their means, then their spread around it
// (Chan, Golub and LeVeque 1983), without a division inside.
//#include "lib/linear-id.wgsl"
//#include "channel-norm/tree.wgsl"
struct Params {
  samples: u32, rows: u32, share: u32, shares: u32,
  // Groups of a sample, channels of a group.
  groups: u32, size: u32,
  channels: u32, padded: u32,
  eps: f32,
  // running = (1 - momentum) * running + momentum * mean; keep and take are the same for the variance, unbiased.
  momentum: f32, keep: f32, take: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;
//#if TRACK
@group(0) @binding(3) var<storage, read_write> new_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> new_var: array<f32>;
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * u32(SIZE / LANES) + li / u32(LANES);
  let lane = li % u32(LANES);
  let exists = index < params.samples * params.groups;
  let sample = min(index / params.groups, params.samples - 1u);
  let group = index % params.groups;
  let begin = group * params.size;
  let base = sample * params.shares * 2u * params.padded + begin;
  let items = params.size * params.shares;
  let count = f32(params.rows) * f32(params.size);

  let shift = parts[base];
  var sum = 0.0;
  for (var i = lane; i < items; i += u32(LANES)) {
    let share = i / params.size;
    let weight = f32(min(params.share, params.rows - share * params.share));
    sum += weight * (parts[base + share * 2u * params.padded + i % params.size] - shift);
  }
  let mean = shift + total(li, sum, items) / count;
  var spread = 0.0;
  for (var i = lane; i < items; i += u32(LANES)) {
    let share = i / params.size;
    let weight = f32(min(params.share, params.rows - share * params.share));
    let at = base + share * 2u * params.padded + i % params.size;
    let d = parts[at] - mean;
    spread += parts[at + params.padded] + weight * d * d;
  }
  let variance = total(li, spread, items) / count;
  if (!exists) { return; }

  let own = sample * params.padded;
  let second = params.samples * params.padded;
  let invstd = inverseSqrt(variance + params.eps);
  for (var c = begin + lane; c < begin + params.size; c += u32(LANES)) {
    stats[own + c] = mean;
    stats[second + own + c] = invstd;
  }
  if (group == params.groups - 1u) {
    for (var c = params.channels + lane; c < params.padded; c += u32(LANES)) {
      stats[own + c] = 0.0;
      stats[second + own + c] = 0.0;
    }
  }
//#if TRACK
  if (lane == 0u) {
    // Each channel is a group; the rows of kept.wgsl.
    let kept = 2u * params.samples * params.shares * params.padded + group;
    new_mean[group] = (1.0 - params.momentum) * parts[kept + 2u * params.padded] + params.momentum * mean;
    new_var[group] = params.keep * parts[kept + 3u * params.padded] + params.take * variance;
  }
//#endif
}
