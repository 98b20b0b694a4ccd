// dweight = sum over pixels of x * dy, dbias = sum of dy, for images of two to four channels, on software adapters (colour
// images: the first layer).
//
// Threads: one subgroup of SG lanes a workgroup; a lane has a vec4 of output channels and sums, over `share` rows (n, oy), its
// products with the C channels of R x KW taps. T output pixels a step: each lane gathers its dy for them and its share of the
// R x WIDE pixels of x that they see together, which broadcasts hand to all.
// x: parts of the rows, `splits` of them, which add-splits.wgsl adds; y: blocks of output channels; z: blocks of R rows of
// the filter. Layouts: x, dy nhwc; dweight hwio. groups = 1; x has four channels in memory, dy a multiple of 4.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
alias Sum = vec4f;
//#include "conv2d/sums.wgsl"

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let o4 = params.os / 4u;
  let column = wg.y * ${SG}u + lane;
  let o = min(column, o4 - 1u);
  let first = wg.z * ${R}u;
  let rows = params.n * params.oh;
  // Where a lane's pixels of x lie: rows down and columns right of the first that a result sees. Those behind the last are not used.
//#for J 0 (R*WIDE+SG-1)/SG
  let down$J = (first + (${SG*J}u + lane) / ${WIDE}u) * params.dy - params.top;
  let right$J = (${SG*J}u + lane) % ${WIDE}u - params.left;
//#endfor
//#for A 0 R*KW*C
  var acc$A = vec4f();
//#endfor
//#if DBIAS!=none
  var bias = vec4f();
//#endif
  for (var r = 0u; r < params.share; r++) {
    let row = wg.x * params.share + r;
    let image = row / params.oh * params.h;
//#for J 0 (R*WIDE+SG-1)/SG
    let y$J = row % params.oh * params.sy + down$J;
    let inside$J = row < rows && y$J < params.h;
    let at$J = (image + y$J) * params.w;
//#endfor
    for (var ox = 0u; ox < params.ow; ox += ${T}u) {
//#include "conv2d/few-pixels.wgsl"
//#for Q 0 T
      let d$Q = select(vec4f(), dy[(row * params.ow + ox + $Qu) * o4 + o], row < rows && ox + $Qu < params.ow);
//#if DBIAS!=none
      bias += d$Q;
//#endif
//#endfor
//#for KY 0 R
//#for KX 0 KW
//#for I 0 C
//#for Q 0 T
      acc${(KY*KW+KX)*C+I} += s${KY*WIDE+Q*SX+KX*DX}[$I] * d$Q;
//#endfor
//#endfor
//#endfor
//#endfor
    }
  }
  if (column >= o4) { return; }
  // One after another by one store, and the others move up: stores compile slowly. Channels behind the last are zero.
  for (var tap = first * params.kw; tap < min(first + ${R}u, params.kh) * params.kw; tap++) {
    for (var i = 0u; i < params.is; i++) {
      put_weight(wg.x, (tap * params.is + i) * o4 + column, select(vec4f(), acc0, i < params.i));
      if (i < params.i) {
//#for A 1 R*KW*C
        acc${A-1} = acc$A;
//#endfor
      }
    }
  }
//#if DBIAS!=none
  if (wg.z == 0u) { put_bias(wg.x, column, bias); }
//#endif
}
