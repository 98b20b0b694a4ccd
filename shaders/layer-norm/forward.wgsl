// y = epilogue((x - mean) / deviation * weight + bias), mean and deviation of each row; stats[2, rows] = mean, 1 / deviation.
//
// Threads: row.wgsl. Two passes: the mean of the distances to the first element, which may be an outlier; then the spread
// around that mean, and what it was off by.
//#include "layer-norm/row.wgsl"
//#include "lib/math.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;
//#if WEIGHT
@group(0) @binding(4) var<storage, read> weight: array<T>;
//#endif
//#if BIAS
@group(0) @binding(5) var<storage, read> bias: array<T>;
//#endif

//#epilogue

fn finish(v: T) -> T {
//#if VEC
  return vec4f(epilogue(v.x, 0.0), epilogue(v.y, 0.0), epilogue(v.z, 0.0), epilogue(v.w, 0.0));
//#else
  return epilogue(v, 0.0);
//#endif
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = row_of(linear_group(wg, groups), li);
//#if VEC
  let shift = x[row.base].x;
//#else
  let shift = x[row.base];
//#endif
  var sum = T();
  for (var k = row.lane; k < params.length; k += u32(LANES)) { sum += x[row.base + k] - shift; }
  let near = shift + total(li, sum_of(sum), params.length) / params.count;
  sum = T();
  var spread = T();
  for (var k = row.lane; k < params.length; k += u32(LANES)) {
    let d = x[row.base + k] - near;
    sum += d;
    spread += d * d;
  }
  let off = total(li, sum_of(sum), params.length) / params.count;
  let mean = near + off;
  let variance = max(total(li, sum_of(spread), params.length) / params.count - off * off, 0.0);
  let invstd = inverseSqrt(variance + params.eps);
  if (!row.exists) { return; }
  for (var k = row.lane; k < params.length; k += u32(LANES)) {
    var v = (x[row.base + k] - mean) * invstd;
//#if WEIGHT
    v *= weight[k];
//#endif
//#if BIAS
    v += bias[k];
//#endif
    y[row.base + k] = finish(v);
  }
  if (row.lane == 0u) {
    stats[row.index] = mean;
    stats[params.rows + row.index] = invstd;
  }
}
