// dx = epilogue(sum over the filter of dy * weight + bias) where every channel is by itself (groups = input channels =
// output channels), for any stride. A CPU's kernel: dy is loaded once.
//
// Threads: one for a vec4 of channels and a strip of dx, `share` rows of dy high (`splits` strips below each other) and as
// wide as T columns of dy; channels first, 64 a workgroup. A row of dy completes SY rows of dx, which the last ROWS of dy
// reach; T * SX columns of dx are reached by WINDOW = T + COLUMNS - 1 of dy. Neither dilation.
// Layouts: dy, dx nhwc; weight hwio, bias plain. What lies outside wraps to large unsigned numbers and fails the comparison.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.cs / 4u;
  let index = linear_group(wg, groups) * 64u + li;
  let before = params.left % ${SX}u;
  let blocks = (params.w + before + ${T*SX-1}u) / ${T*SX}u;
  let q = index % c4;
  let block = index / c4 % blocks;
  let part = index / c4 / blocks % params.splits;
  let n = index / c4 / blocks / params.splits;
  if (n >= params.n) { return; }
  // The first column of dx, which may lie before the image, and of the window of dy.
  let left = block * ${T*SX}u - before;
  let from_column = block * ${T}u + params.left / ${SX}u - ${COLUMNS-1}u;
//#for K 0 KH*KW
  var w$K = vec4f();
//#endfor
  // Loops that are not unrolled, here and for the stores: memory is slow to compile.
  for (var k = 0u; k < params.kh * params.kw; k++) {
//#for K 1 KH*KW
    w${K-1} = w$K;
//#endfor
    w${KH*KW-1} = weight[k * c4 + q];
  }
//#for R 0 ROWS
//#for X 0 WINDOW
  var d${R}_$X = vec4f();
//#endfor
//#endfor
  let start = bias_of(q, params.c);
  let by = by_channel(q, params.c);
  let begin = params.top / ${SY}u + part * params.share;
  let end = min(begin + params.share, (params.h - 1u + params.top) / ${SY}u + 1u);
  var oy = begin - ${ROWS-1}u;
  for (var missing = ${ROWS-1}u; missing > 0u || oy < end; oy++) {
    let inside = oy < params.oh;
    let at = ((n * params.oh + oy) * params.ow + from_column) * c4 + q;
//#for X 0 WINDOW
//#for R 1 ROWS
    d${R-1}_$X = d${R}_$X;
//#endfor
    d${ROWS-1}_$X = select(vec4f(), dy[at + $Xu * c4], inside && from_column + $Xu < params.ow);
//#endfor
    if (missing > 0u) {
      missing -= 1u;
      continue;
    }
//#for PY 0 SY
    {
      let iy = oy * ${SY}u + ${PY}u - params.top;
//#for P 0 T*SX
      var acc$P = start;
//#for J 0 (KH-PY+SY-1)/SY
//#for I 0 (KW-P%SX+SX-1)/SX
      acc$P += w${(PY+SY*J)*KW+P%SX+SX*I} * d${ROWS-1-J}_${P/SX-I+COLUMNS-1};
//#endfor
//#endfor
//#endfor
      var ix = left;
      for (var i = 0u; i < ${T}u * params.sx; i++) {
        if (iy < params.h && ix < params.w) {
          let to = ((n * params.h + iy) * params.w + ix) * c4 + q;
          dx[to] = finish(acc0, to, by);
        }
        ix += 1u;
//#for P 1 T*SX
        acc${P-1} = acc$P;
//#endfor
      }
    }
//#endfor
  }
}
