// parts[sample, share] = mean and sum of squared differences from it, for each column of a part of x.
//
// Sums are taken of the distances to the part's first row: since that is one of the rows, its distance from their mean is at
// most sqrt(rows) deviations, so the difference at the end keeps its digits whatever the mean is.
// (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance".) Threads: part.wgsl.
// Behind the parts: kept.wgsl; weight is 1 and bias 0 where none is given. RUNNING: there are running statistics.
//#include "channel-norm/part.wgsl"
//#include "channel-norm/fold.wgsl"
//#include "channel-norm/kept.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> parts: array<T>;
//#if WEIGHT
@group(0) @binding(3) var<storage, read> weight: array<T>;
//#endif
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<T>;
//#endif
//#if RUNNING
@group(0) @binding(5) var<storage, read> running_mean: array<T>;
@group(0) @binding(6) var<storage, read> running_var: array<T>;
//#endif

fn keep(c: u32) {
//#if WEIGHT
  parts[kept_at(WEIGHT_ROW, c)] = real(c, weight[c]);
//#else
  parts[kept_at(WEIGHT_ROW, c)] = real(c, T(1.0));
//#endif
//#if BIAS
  parts[kept_at(BIAS_ROW, c)] = real(c, bias[c]);
//#else
  parts[kept_at(BIAS_ROW, c)] = T();
//#endif
//#if RUNNING
  parts[kept_at(MEAN_ROW, c)] = real(c, running_mean[c]);
  parts[kept_at(VAR_ROW, c)] = real(c, running_var[c]);
//#endif
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let part = part_of(linear_group(wg, groups), li);
  var shift = T();
  var sum = T();
  var square = T();
  if (part.exists) {
    shift = x[part.base + part.begin * params.columns];
    for (var r = part.begin + part.lane; r < part.end; r += part.lanes) {
      let d = x[part.base + r * params.columns] - shift;
      sum += d;
      square += d * d;
    }
  }
  let sums = fold(li, sum, square);
  if (part.exists && part.lane == 0u) {
    let at = (part.sample * params.shares + part.share) * 2u * params.columns + part.column;
    let mean = sums.first / f32(part.end - part.begin);
    parts[at] = shift + mean;
    parts[at + params.columns] = max(sums.second - mean * sums.first, T());
    if (part.share == 0u && part.sample == 0u) { keep(part.column); }
  }
}
