// y = softmax(x) or, with LOG, log(softmax(x)) along one axis.
//
// Threads: one a row, or with WIDE a workgroup a row. Layouts: any, the same for x and y; padding is written as zero.
// The log-sum-exp is max + log1p(sum of the other exponentials), so logarithms near 0 keep their digits.
//#include "lib/math.wgsl"
//#include "softmax/row.wgsl"
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = row_of(linear_group(wg, groups), li);
  var most = -3.4028234e38;
  for (var k = row.first; k < row.length; k += row.step) { most = max(most, x[row.base + k * params.inner]); }
  let top = row_max(li, most);
  // Elements equal to the largest, and exponentials of the others.
  var parts = vec2f();
  for (var k = row.first; k < row.length; k += row.step) {
    let d = x[row.base + k * params.inner] - top;
    parts += select(vec2f(0.0, exp(d)), vec2f(1.0, 0.0), d == 0.0);
  }
  let sums = row_sum(li, parts);
  let rest = sums.x - 1.0 + sums.y;
//#if LOG
  let shift = log1p_exact(rest);
//#else
  let scale = 1.0 / (1.0 + rest);
//#endif
  for (var k = row.first; k < row.padded; k += row.step) {
    let at = row.base + k * params.inner;
    var v = 0.0;
//#if LOG
    if (k < row.length) { v = x[at] - top - shift; }
//#else
    if (k < row.length) { v = exp(x[at] - top) * scale; }
//#endif
    y[at] = v;
  }
}
