// parts[sample, share] = mean and sum of squared differences from it, for each column of a part of x.
//
// Sums are taken of the distances to the part's first row: since that is one of the rows, its distance from their mean is at
// most sqrt(rows) deviations, so the difference at the end keeps its digits whatever the mean is.
// (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance".) Threads: part.wgsl.
//#include "channel-norm/part.wgsl"
//#include "channel-norm/fold.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> parts: array<T>;

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
  }
}
