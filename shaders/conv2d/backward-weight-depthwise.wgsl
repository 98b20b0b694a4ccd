// dweight = sum over pixels of x * dy, dbias = sum of dy, where every input channel has outputs of its own (groups = input
// channels).
//
// Threads: one for a row of the filter, a vec4 of output channels (which come first) and one of `splits` parts of the rows
// (n, oy), `share` rows in each, whose sums add-splits.wgsl adds; 64 a workgroup. It takes T pixels of dy at a time, and the
// WINDOW columns of x that they see; SX, DX: horizontal stride and dilation.
// Layouts: x, dy nhwc; dweight hwio. MULTIPLE: an input channel has several outputs, so that a vec4 of output channels takes
// its input channels one by one.
//#include "lib/linear-id.wgsl"
//#include "conv2d/params.wgsl"
//#if MULTIPLE
@group(0) @binding(0) var<storage, read> x: array<f32>;
//#else
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
//#endif
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
alias Sum = vec4f;
//#include "conv2d/sums.wgsl"

//#include "conv2d/depthwise-x.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let o4 = params.os / 4u;
  let index = linear_group(wg, groups) * 64u + li;
  let q = index % o4;
  let ky = index / o4 % params.kh;
  let part = index / o4 / params.kh;
  if (part >= params.splits) { return; }
//#for KX 0 KW
  var acc$KX = vec4f();
//#endfor
//#if DBIAS!=none
  var bias = vec4f();
//#endif
  let end = min((part + 1u) * params.share, params.n * params.oh);
  for (var row = part * params.share; row < end; row++) {
    let iy = row % params.oh * params.sy + ky * params.dy - params.top;
    let inside = iy < params.h;
//#if DBIAS!=none
    if (!inside && ky > 0u) { continue; }
//#else
    if (!inside) { continue; }
//#endif
    let at = (row / params.oh * params.h + iy) * params.w;
    for (var ox = 0u; ox < params.ow; ox += ${T}u) {
      let left = ox * ${SX}u - params.left;
//#for P 0 T
      let d$P = select(vec4f(), dy[(row * params.ow + ox + $Pu) * o4 + q], ox + $Pu < params.ow);
//#endfor
//#if DBIAS!=none
//#for P 0 T
      bias += d$P;
//#endfor
//#endif
//#for X 0 WINDOW
      let x$X = select(vec4f(), x_of(at + left + $Xu, q), inside && left + $Xu < params.w);
//#endfor
//#for KX 0 KW
//#for P 0 T
      acc$KX += x${P*SX+KX*DX} * d$P;
//#endfor
//#endfor
    }
  }
//#for KX 0 KW
  put_weight(part, (ky * ${KW}u + $KXu) * o4 + q, acc$KX);
//#endfor
//#if DBIAS!=none
  if (ky == 0u) { put_bias(part, q, bias); }
//#endif
}
