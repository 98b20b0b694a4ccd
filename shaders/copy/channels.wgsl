// Change of layout between nhwc and plain [n, c, h, w]: four channels of a pixel are one vec4 on one side, and lie a plane
// apart on the other. TO_PLAIN: from nhwc to plain; else from plain to nhwc, padding channels being written as zero.
//
// Threads: one for each vec4 of channels of `each` pixels in a row, so that a place is worked out once for all of them.
//#include "lib/linear-id.wgsl"
struct Params { count: u32, channels: u32, columns: u32, plane: u32, parts: u32, each: u32 }
//#if TO_PLAIN
@group(0) @binding(0) var<storage, read> x: array<vec4<ELEMENT>>;
@group(0) @binding(1) var<storage, read_write> y: array<ELEMENT>;
//#else
@group(0) @binding(0) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<ELEMENT>>;
//#endif
@group(0) @binding(2) var<uniform> params: Params;
//#element

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let column = i % params.columns;
  let row = i / params.columns;
  let first = (row % params.parts) * params.each;
  let n = row / params.parts;
  let end = min(first + params.each, params.plane);
  let packed = n * params.plane * params.columns + column;
  let apart = (n * params.channels + 4u * column) * params.plane;
  let left = params.channels - 4u * column;
  for (var p = first; p < end; p++) {
//#if TO_PLAIN
    let v = x[packed + p * params.columns];
//#for J 0 4
    if (left > ${J}u) { y[apart + ${J}u * params.plane + p] = v[$J]; }
//#endfor
//#else
    var v = vec4<ELEMENT>();
//#for J 0 4
    if (left > ${J}u) { v[$J] = x[apart + ${J}u * params.plane + p]; }
//#endfor
    y[packed + p * params.columns] = v;
//#endif
  }
}
