// dx = (g - mean of g - xhat * mean of g * xhat) / deviation for each row, g = dy * weight, xhat = (x - mean) / deviation.
//
// Threads: row.wgsl.
//#include "layer-norm/row.wgsl"
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read> x: array<T>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<T>;
//#if WEIGHT
@group(0) @binding(5) var<storage, read> weight: array<T>;
fn scaled(i: u32, k: u32) -> T { return dy[i] * weight[k]; }
//#else
fn scaled(i: u32, k: u32) -> T { return dy[i]; }
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = row_of(linear_group(wg, groups), li);
  let mean = stats[row.index];
  let invstd = stats[params.rows + row.index];
  var sum = T();
  var moment = T();
  for (var k = row.lane; k < params.length; k += u32(LANES)) {
    let g = scaled(row.base + k, k);
    sum += g;
    moment += g * (x[row.base + k] - mean);
  }
  let offset = total(li, sum_of(sum), params.length) / params.count;
  let slope = total(li, sum_of(moment), params.length) / params.count * invstd * invstd;
  if (!row.exists) { return; }
  for (var k = row.lane; k < params.length; k += u32(LANES)) {
    let i = row.base + k;
    dx[i] = invstd * (scaled(i, k) - offset - slope * (x[i] - mean));
  }
}
