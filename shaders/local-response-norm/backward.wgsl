// dx = dy * base^-beta - 2 beta alpha / size * x * (sum of dy * x * base^(-beta - 1) over the channels whose window holds this one).
//
// Threads: window.wgsl; the windows that hold channel c are those of c - after .. c + before. Layout: nhwc; dx is zero in
// padding, where x and dy are.
//#include "local-response-norm/window.wgsl"
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read> x: array<T>;
@group(0) @binding(3) var<storage, read> base: array<T>;
@group(0) @binding(4) var<storage, read_write> dx: array<T>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let c = i32(i % params.columns);
  let pixel = i - u32(c);
  var sum = T();
  for (var j = first_of(c, params.after); j <= last_of(c, params.before); j++) {
    let at = pixel + u32(j);
    let term = dy[at] * x[at] * pow(base[at], T(-params.beta - 1.0));
    sum += in_window(c, j, term, params.after, params.before);
  }
  dx[i] = dy[i] * pow(base[i], T(-params.beta)) - 2.0 * params.beta * params.rate * x[i] * sum;
}
