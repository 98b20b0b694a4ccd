// y = epilogue((x - mean) / deviation * weight + bias), with OPERAND of the operand's element too.
//
// Threads: part.wgsl. Layout: nhwc; padding stays zero, since 1 / deviation, weight and bias are zero there.
//#include "channel-norm/part.wgsl"
//#include "channel-norm/statistics.wgsl"
//#include "channel-norm/finish.wgsl"
@group(0) @binding(3) var<storage, read> x: array<T>;
@group(0) @binding(4) var<storage, read_write> y: array<T>;
//#if WEIGHT
@group(0) @binding(5) var<storage, read> weight: array<T>;
//#endif
//#if BIAS
@group(0) @binding(6) var<storage, read> bias: array<T>;
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let part = part_of(linear_group(wg, groups), li);
  if (!part.exists) { return; }
  let c = part.column;
  let mean = mean_of(part.sample, c);
  var scale = invstd_of(part.sample, c);
  var offset = T();
//#if WEIGHT
  scale *= real(c, weight[c]);
//#endif
//#if BIAS
  offset = real(c, bias[c]);
//#endif
  for (var r = part.begin + part.lane; r < part.end; r += part.lanes) {
    let i = part.base + r * params.columns;
    y[i] = finish((x[i] - mean) * scale + offset, i);
  }
}
