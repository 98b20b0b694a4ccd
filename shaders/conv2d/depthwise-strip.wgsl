// y = epilogue(x * weight + bias) where every channel is by itself (groups = input channels = output channels), and with FLIP,
// the filter turned by half a turn, the gradient of the input for stride 1. A CPU's kernel: x is loaded once.
//
// Threads: one for a vec4 of channels and a strip of T columns of y, `share` rows of it (`splits` strips below each other);
// channels first, 64 a workgroup. It goes down the strip with the last KH rows of the WINDOW columns of x that its pixels
// see; SY, SX: stride, DX: horizontal dilation. Rows follow each other: no vertical dilation.
// Layouts: x, y nhwc; weight hwio, bias plain. Pixels outside wrap to large unsigned numbers and fail the comparison.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.os / 4u;
  let index = linear_group(wg, groups) * 64u + li;
  let blocks = (params.ow + ${T-1}u) / ${T}u;
  let q = index % c4;
  let ox = index / c4 % blocks * ${T}u;
  let part = index / c4 / blocks % params.splits;
  let n = index / c4 / blocks / params.splits;
  if (n >= params.n) { return; }
  let left = ox * ${SX}u - params.left;
//#for K 0 KH*KW
  var w$K = vec4f();
//#endfor
  // Loops that are not unrolled, here and for the stores: memory is slow to compile.
  for (var k = 0u; k < params.kh * params.kw; k++) {
//#for K 1 KH*KW
    w${K-1} = w$K;
//#endfor
//#if FLIP
    w${KH*KW-1} = weight[(${KH*KW-1}u - k) * c4 + q];
//#else
    w${KH*KW-1} = weight[k * c4 + q];
//#endif
  }
//#for R 0 KH
//#for X 0 WINDOW
  var x${R}_$X = vec4f();
//#endfor
//#endfor
  let start = bias_of(q, params.o);
  let by = by_channel(q, params.o);
  var oy = part * params.share;
  let end = min(oy + params.share, params.oh);
  var iy = oy * ${SY}u - params.top;
  var missing = ${KH}u;
  while (oy < end) {
//#include "conv2d/strip-row.wgsl"
    if (missing == 0u) {
//#for P 0 T
      var acc$P = start;
//#for R 0 KH
//#for K 0 KW
      acc$P += w${R*KW+K} * x${R}_${P*SX+K*DX};
//#endfor
//#endfor
//#endfor
      var to = ((n * params.oh + oy) * params.ow + ox) * c4 + q;
      for (var i = ox; i < min(ox + ${T}u, params.ow); i++) {
        y[to] = finish(acc0, to, by);
        to += c4;
//#for P 1 T
        acc${P-1} = acc$P;
//#endfor
      }
      oy += 1u;
      missing = ${SY}u;
    }
  }
}
