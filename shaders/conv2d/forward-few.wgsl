// y = epilogue(x * weight + bias) for images of two to four channels, on software adapters (colour images: the first layer).
//
// Threads: one subgroup of SG lanes a workgroup; a lane has a vec4 of output channels with its R x KW x C vec4s of the filter,
// and goes along `share` rows of output pixels, T pixels a step: each lane gathers its share of the R x WIDE pixels of x that
// these see together, which broadcasts hand to all.
// x: parts of the rows (n, oy), `splits` of them; y: blocks of output channels.
// Layouts: x, y nhwc; weight hwio; bias plain. groups = 1; x has four channels in memory, y a multiple of 4.
enable subgroups;
diagnostic(off, subgroup_uniformity);
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

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let o4 = params.os / 4u;
  let column = wg.y * ${SG}u + lane;
  let o = min(column, o4 - 1u);
  // By one load in a loop, with the others moving up: loads compile slowly.
//#for A 0 R*KW*C
  var w$A = vec4f();
//#endfor
  for (var tap = 0u; tap < params.kh * params.kw; tap++) {
    for (var i = 0u; i < params.i; i++) {
//#for A 1 R*KW*C
      w${A-1} = w$A;
//#endfor
      w${R*KW*C-1} = weight[(tap * params.is + i) * o4 + o];
    }
  }
  let start = bias_of(o, params.o);
  let of_channels = by_channel(o, params.o);
  // Where a lane's pixels of x lie: rows down and columns right of the first that a result sees. Those behind the last are not used.
//#for J 0 (R*WIDE+SG-1)/SG
  let down$J = (${SG*J}u + lane) / ${WIDE}u * params.dy - params.top;
  let right$J = (${SG*J}u + lane) % ${WIDE}u - params.left;
//#endfor
  let end = min((wg.x + 1u) * params.share, params.n * params.oh);
  for (var row = wg.x * params.share; row < end; row++) {
    let image = row / params.oh * params.h;
//#for J 0 (R*WIDE+SG-1)/SG
    let y$J = row % params.oh * params.sy + down$J;
    let inside$J = y$J < params.h;
    let at$J = (image + y$J) * params.w;
//#endfor
    for (var ox = 0u; ox < params.ow; ox += ${T}u) {
//#include "conv2d/few-pixels.wgsl"
//#for Q 0 T
      var acc$Q = start;
//#endfor
//#for KY 0 R
//#for KX 0 KW
//#for I 0 C
//#for Q 0 T
      acc$Q += s${KY*WIDE+Q*SX+KX*DX}[$I] * w${(KY*KW+KX)*C+I};
//#endfor
//#endfor
//#endfor
//#endfor
      // One store for all, because stores compile slowly; from ox and not from 0 on, or the driver would unroll the loop.
      for (var p = ox; p < min(ox + ${T}u, params.ow); p++) {
        let to = (row * params.ow + p) * o4 + column;
        if (column < o4) { y[to] = finish(acc0, to, of_channels); }
//#for Q 1 T
        acc${Q-1} = acc$Q;
//#endfor
      }
    }
  }
}
