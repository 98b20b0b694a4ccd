// y = f(a, b), element by element, or with GRAD g(a, b, dy): all operands lie in memory as the result does.
//
// Threads: each takes `each` vec4, 64 apart, so that a workgroup reads a row of 64 * each. The function is the slot. Padding lanes are zero in all three: MASK where f(0, 0) is not 0.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
struct Params { count4: u32, each: u32, channels: u32, padded: u32 }
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if GRAD
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
//#endif

//#function

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = linear_group(wg, groups) * 64u * params.each;
  let end = min(row + 64u * params.each, params.count4);
  for (var i = row + li; i < end; i += 64u) {
    let p = a[i];
    let q = b[i];
//#if GRAD
    let d = dy[i];
    var r = vec4f(g(p.x, q.x, d.x), g(p.y, q.y, d.y), g(p.z, q.z, d.z), g(p.w, q.w, d.w));
//#else
    var r = vec4f(f(p.x, q.x), f(p.y, q.y), f(p.z, q.z), f(p.w, q.w));
//#endif
//#if MASK
    let c = (4u * i) % params.padded;
    r = select(vec4f(), r, c + vec4u(0u, 1u, 2u, 3u) < vec4u(params.channels));
//#endif
    y[i] = r;
  }
}
