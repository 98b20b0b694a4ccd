// y = f(x), element by element as they lie in memory.
//
// Threads: each takes `each` vec4, 64 apart, so that a workgroup reads a row of 64 * each. Layouts: any, the same for x and y. The function is the slot, in WGSL of `v`.
// MASK: padding channels must be kept at zero, since f(0) is not; then `channels` of `padded` are real.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
struct Params { count4: u32, each: u32, channels: u32, padded: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

//#function

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let row = linear_group(wg, groups) * 64u * params.each;
  let end = min(row + 64u * params.each, params.count4);
  for (var i = row + li; i < end; i += 64u) {
    let v = x[i];
    var r = vec4f(f(v.x), f(v.y), f(v.z), f(v.w));
//#if MASK
    let c = (4u * i) % params.padded;
    r = select(vec4f(), r, c + vec4u(0u, 1u, 2u, 3u) < vec4u(params.channels));
//#endif
    y[i] = r;
  }
}
