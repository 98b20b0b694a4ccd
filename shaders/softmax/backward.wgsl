// dx = y * (dy - sum(dy * y)), the gradient of y = softmax(x); or, with LOG, dx = dy - exp(y) * sum(dy) for y = log softmax(x).
//
// Threads: one a row, or with WIDE a workgroup a row. Layouts: any, the same for all; padding is written as zero.
//#include "softmax/row.wgsl"
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = row_of(linear_group(wg, groups), li);
  var part = 0.0;
  for (var k = row.first; k < row.length; k += row.step) {
    let at = row.base + k * params.inner;
//#if LOG
    part += dy[at];
//#else
    part += dy[at] * y[at];
//#endif
  }
  let sum = row_sum(li, vec2f(part, 0.0)).x;
  for (var k = row.first; k < row.padded; k += row.step) {
    let at = row.base + k * params.inner;
    var v = 0.0;
//#if LOG
    if (k < row.length) { v = dy[at] - exp(y[at]) * sum; }
//#else
    if (k < row.length) { v = y[at] * (dy[at] - sum); }
//#endif
    dx[at] = v;
  }
}
