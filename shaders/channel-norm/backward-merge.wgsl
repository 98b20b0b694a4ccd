// From the parts of backward-sums.wgsl, for each channel: dbias = sum of dy, dweight = sum of dy * xhat; and MEANS:
// means[2, samples, padded channels] = scale * weight * those sums of each sample; zero in padding, as the parts are.
//
// Threads: LANES for each channel, padding included. SINGLE: one sample, its parts are shared out; else the samples are.
//#include "lib/linear-id.wgsl"
//#include "channel-norm/tree.wgsl"
struct Params { samples: u32, shares: u32, channels: u32, padded: u32, eps: f32, scale: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
//#if RUNNING
@group(0) @binding(2) var<storage, read> running_var: array<f32>;
fn invstd_of(sample: u32, c: u32) -> f32 { return inverseSqrt(running_var[min(c, params.channels - 1u)] + params.eps); }
//#else
@group(0) @binding(2) var<storage, read> stats: array<f32>;
fn invstd_of(sample: u32, c: u32) -> f32 { return stats[(params.samples + sample) * params.padded + c]; }
//#endif
//#if WEIGHT
@group(0) @binding(3) var<storage, read> weight: array<f32>;
//#endif
//#if MEANS
@group(0) @binding(4) var<storage, read_write> means: array<f32>;
//#endif
//#if DWEIGHT
@group(0) @binding(5) var<storage, read_write> dweight: array<f32>;
//#endif
//#if DBIAS
@group(0) @binding(6) var<storage, read_write> dbias: array<f32>;
//#endif

// The parts first, first + step, ... of a sample: sum of dy, sum of dy * (x - mean).
fn sums_of(sample: u32, channel: u32, first: u32, step: u32) -> vec2f {
  var sums = vec2f();
  for (var share = first; share < params.shares; share += step) {
    let at = (sample * params.shares + share) * 2u * params.padded + channel;
    sums += vec2f(parts[at], parts[at + params.padded]);
  }
  return sums;
}

fn put_means(sample: u32, channel: u32, sums: vec2f) {
//#if MEANS
  var factor = params.scale;
//#if WEIGHT
  factor *= select(0.0, weight[min(channel, params.channels - 1u)], channel < params.channels);
//#endif
  let at = sample * params.padded + channel;
  means[at] = factor * sums.x;
  means[params.samples * params.padded + at] = factor * sums.y;
//#endif
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * u32(SIZE / LANES) + li / u32(LANES);
  let lane = li % u32(LANES);
  let exists = index < params.padded;
  let channel = min(index, params.padded - 1u);
  var sums = vec2f();
//#if SINGLE
  let used = params.shares;
  sums = sums_of(0u, channel, lane, u32(LANES));
//#else
  let used = params.samples;
  for (var sample = lane; sample < params.samples; sample += u32(LANES)) {
    let own = sums_of(sample, channel, 0u, 1u) * vec2f(1.0, invstd_of(sample, channel));
    if (exists) { put_means(sample, channel, own); }
    sums += own;
  }
//#endif
  sums = vec2f(total(li, sums.x, used), total(li, sums.y, used));
  if (!exists || lane > 0u) { return; }
//#if SINGLE
  sums.y *= invstd_of(0u, channel);
  put_means(0u, channel, sums);
//#endif
  if (channel < params.channels) {
//#if DBIAS
    dbias[channel] = sums.x;
//#endif
//#if DWEIGHT
    dweight[channel] = sums.y;
//#endif
  }
}
