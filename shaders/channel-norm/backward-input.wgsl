// dx = (weight * dy - mean of weight * dy - xhat * mean of weight * dy * xhat) / deviation, xhat = (x - mean) / deviation;
// with RUNNING, where mean and deviation do not depend on x, dx = weight * dy / deviation.
//
// Threads: part.wgsl. Layout: nhwc; padding is written as zero.
//#include "channel-norm/part.wgsl"
//#include "channel-norm/statistics.wgsl"
@group(0) @binding(3) var<storage, read> dy: array<T>;
@group(0) @binding(4) var<storage, read_write> dx: array<T>;
//#if WEIGHT
@group(0) @binding(5) var<storage, read> weight: array<T>;
//#endif
//#if !RUNNING
@group(0) @binding(6) var<storage, read> x: array<T>;
@group(0) @binding(7) var<storage, read> means: array<T>;
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let part = part_of(linear_group(wg, groups), li);
  if (!part.exists) { return; }
  let c = part.column;
  let invstd = invstd_of(part.sample, c);
  var scale = invstd;
//#if WEIGHT
  scale *= real(c, weight[c]);
//#endif
//#if !RUNNING
  let mean = mean_of(part.sample, c);
  let offset = -invstd * means[part.sample * params.columns + c];
  let slope = -invstd * invstd * means[(params.samples + part.sample) * params.columns + c];
//#endif
  for (var r = part.begin + part.lane; r < part.end; r += part.lanes) {
    let i = part.base + r * params.columns;
//#if RUNNING
    dx[i] = scale * dy[i];
//#else
    dx[i] = scale * dy[i] + (slope * (x[i] - mean) + offset);
//#endif
  }
}
