// parts[sample, share] = sum of dy and sum of dy * (x - mean), for each column of a part. Threads: part.wgsl.
// KEEP: behind the parts the weight, or 1 (kept.wgsl).
//#include "channel-norm/part.wgsl"
//#include "channel-norm/statistics.wgsl"
//#include "channel-norm/fold.wgsl"
//#include "channel-norm/kept.wgsl"
@group(0) @binding(3) var<storage, read> dy: array<T>;
@group(0) @binding(4) var<storage, read> x: array<T>;
@group(0) @binding(5) var<storage, read_write> parts: array<T>;
//#if WEIGHT
@group(0) @binding(6) var<storage, read> weight: array<T>;
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let part = part_of(linear_group(wg, groups), li);
  var sum = T();
  var moment = T();
  if (part.exists) {
    let mean = mean_of(part.sample, part.column);
    for (var r = part.begin + part.lane; r < part.end; r += part.lanes) {
      let i = part.base + r * params.columns;
      let d = dy[i];
      sum += d;
      moment += d * (x[i] - mean);
    }
  }
  let sums = fold(li, sum, moment);
  if (part.exists && part.lane == 0u) {
    let at = (part.sample * params.shares + part.share) * 2u * params.columns + part.column;
    parts[at] = sums.first;
    parts[at + params.columns] = sums.second;
//#if KEEP
    if (part.share == 0u && part.sample == 0u) {
//#if WEIGHT
      parts[kept_at(WEIGHT_ROW, part.column)] = real(part.column, weight[part.column]);
//#else
      parts[kept_at(WEIGHT_ROW, part.column)] = real(part.column, T(1.0));
//#endif
    }
//#endif
  }
}
