// y = f(a, b) with broadcasting over the pixels of an image; or, with GRAD, y = g(a, b, dy), where dy lies as y does.
//
// A_SAME, B_SAME: the operand lies as y does, else it has numbers of the channels or samples alone. Threads and layouts:
// lib/columns.wgsl; MASK: there are padding lanes, which are written as zero.
//#include "lib/columns.wgsl"
//#include "lib/math.wgsl"
//#if A_SAME
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
//#else
@group(0) @binding(0) var<storage, read> a: array<f32>;
//#endif
//#if B_SAME
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
//#else
@group(0) @binding(1) var<storage, read> b: array<f32>;
//#endif
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if GRAD
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
//#endif

//#function

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let column = column_of(linear_group(wg, groups) * 64u + li);
  if (!column.exists) { return; }
//#if !A_SAME
  let p_at = numbers_of(column, params.a_sample, params.a_channel);
  let p = vec4f(a[p_at.x], a[p_at.y], a[p_at.z], a[p_at.w]);
//#endif
//#if !B_SAME
  let q_at = numbers_of(column, params.b_sample, params.b_channel);
  let q = vec4f(b[q_at.x], b[q_at.y], b[q_at.z], b[q_at.w]);
//#endif
  for (var row = column.part; row < params.rows; row += params.parts) {
    let i = element_of(column, row);
//#if A_SAME
    let p = a[i];
//#endif
//#if B_SAME
    let q = b[i];
//#endif
//#if GRAD
    let d = dy[i];
    let r = vec4f(g(p.x, q.x, d.x), g(p.y, q.y, d.y), g(p.z, q.z, d.z), g(p.w, q.w, d.w));
//#else
    let r = vec4f(f(p.x, q.x), f(p.y, q.y), f(p.z, q.z), f(p.w, q.w));
//#endif
//#if MASK
    y[i] = masked(column, r);
//#else
    y[i] = r;
//#endif
  }
}
