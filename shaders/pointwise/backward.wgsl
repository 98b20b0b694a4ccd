// dx = g(dy, x or y), element by element as they lie in memory. g is 0 for dy = 0, so padding stays zero.
//
// Threads: each takes `each` vec4, 64 apart, so that a workgroup reads a row of 64 * each. Layouts: any, the same for all. `saved` is x or y, whichever the gradient is written in.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
struct Params { count4: u32, each: u32 }
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> saved: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

//#function

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = linear_group(wg, groups) * 64u * params.each;
  let end = min(row + 64u * params.each, params.count4);
  for (var i = row + li; i < end; i += 64u) {
    let d = dy[i];
    let s = saved[i];
    dx[i] = vec4f(g(d.x, s.x), g(d.y, s.y), g(d.z, s.z), g(d.w, s.w));
  }
}
