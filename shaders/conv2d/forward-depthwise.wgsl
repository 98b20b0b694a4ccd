// y = epilogue(x * weight + bias) where every input channel has outputs of its own (groups = input channels).
//
// Threads: one for T neighbouring pixels of a row and a vec4 of output channels, channels first; 64 a workgroup. It goes
// down the filter row by row with the WINDOW columns of x that its pixels see; SX, DX: horizontal stride and dilation.
// Layouts: x, y nhwc; weight hwio, bias plain. MULTIPLE: an input channel has several outputs, so that a vec4 of output
// channels takes its input channels one by one. Pixels outside wrap to large unsigned numbers and fail the comparison.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
//#if MULTIPLE
@group(0) @binding(0) var<storage, read> x: array<f32>;
//#else
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
//#endif
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"

//#include "conv2d/depthwise-x.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let o4 = params.os / 4u;
  let index = linear_group(wg, groups) * 64u + li;
  let blocks = (params.ow + ${T-1}u) / ${T}u;
  let q = index % o4;
  let ox = index / o4 % blocks * ${T}u;
  let row = index / o4 / blocks;
  let n = row / params.oh;
  if (n >= params.n) { return; }
  let left = ox * ${SX}u - params.left;
  let top = row % params.oh * params.sy - params.top;
//#for P 0 T
  var acc$P = bias_of(q, params.o);
//#endfor
  for (var ky = 0u; ky < params.kh; ky++) {
    let iy = top + ky * params.dy;
    if (iy >= params.h) { continue; }
    let at = (n * params.h + iy) * params.w;
//#for X 0 WINDOW
    let x$X = select(vec4f(), x_of(at + left + $Xu, q), left + $Xu < params.w);
//#endfor
//#for KX 0 KW
    let w$KX = weight[(ky * ${KW}u + $KXu) * o4 + q];
//#for P 0 T
    acc$P += w$KX * x${P*SX+KX*DX};
//#endfor
//#endfor
  }
  let by = by_channel(q, params.o);
//#for P 0 T
  if (ox + $Pu < params.ow) { let to = (row * params.ow + ox + $Pu) * o4 + q; y[to] = finish(acc$P, to, by); }
//#endfor
}
