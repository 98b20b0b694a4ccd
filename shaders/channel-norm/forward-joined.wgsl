// y = epilogue((x - mean) / deviation * weight + bias) by the statistics of x itself, whose parts (moments.wgsl) each
// workgroup joins for its columns. The first one of each sample writes stats = mean and 1 / deviation, [2, samples, padded
// channels], and with TRACK the new running statistics, [channels].
//
// Threads: part.wgsl, of the very parts that are joined. Layout: nhwc; padding stays zero, since 1 / deviation, weight and
// bias are zero there.
//#include "channel-norm/join.wgsl"
//#include "channel-norm/kept.wgsl"
//#include "channel-norm/finish.wgsl"
@group(0) @binding(1) var<storage, read> parts: array<T>;
@group(0) @binding(2) var<storage, read_write> stats: array<T>;
@group(0) @binding(3) var<storage, read> x: array<T>;
@group(0) @binding(4) var<storage, read_write> y: array<T>;
//#if TRACK
@group(0) @binding(5) var<storage, read_write> new_mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> new_var: array<f32>;
//#endif

fn put_statistics(part: Part, mean: T, variance: T, invstd: T) {
  let at = part.sample * params.columns + part.column;
  stats[at] = mean;
  stats[params.samples * params.columns + at] = invstd;
//#if TRACK
  let c = part.column;
  let next_mean = (1.0 - params.momentum) * parts[kept_at(MEAN_ROW, c)] + params.momentum * mean;
  let next_var = params.keep * parts[kept_at(VAR_ROW, c)] + params.take * variance;
//#if VEC
  // A loop that is not unrolled: stores compile slowly.
  for (var i = 4u * c; i < min(4u * c + 4u, params.channels); i++) {
    new_mean[i] = next_mean[i - 4u * c];
    new_var[i] = next_var[i - 4u * c];
  }
//#else
  new_mean[c] = next_mean;
  new_var[c] = next_var;
//#endif
//#endif
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let part = part_of(linear_group(wg, groups), li);
  let moments = join_moments(part, li);
  if (!part.exists) { return; }
  let c = part.column;
  let mean = moments.first;
  let invstd = real(c, inverseSqrt(moments.second + params.eps));
  if (part.share == 0u && part.lane == 0u) { put_statistics(part, mean, moments.second, invstd); }
  let scale = invstd * parts[kept_at(WEIGHT_ROW, c)];
  let offset = parts[kept_at(BIAS_ROW, c)];
  for (var r = part.begin + part.lane; r < part.end; r += part.lanes) {
    let i = part.base + r * params.columns;
    y[i] = finish((x[i] - mean) * scale + offset, i);
  }
}
