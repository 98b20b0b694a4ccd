// y = epilogue(maximum of each 2 x 2 block of x * weight + bias) for images of a single channel, on software adapters.
//
// Threads: one subgroup of SG lanes a workgroup. A lane runs along a row of pooled pixels, or one of `splits` parts of it,
// `share` pixels long, and sums O4 vec4s of output channels of each of the four results that a pixel is the maximum of. It
// keeps a window of ROWS rows of x: the CARRY columns that the next pixel needs again stay, the others are gathered.
// The filter is held by the lanes together (broadcasts cost nothing). z: blocks of output channels.
// Layouts: x plain or nhwc, which is the same here; y: conv2d/pool.wgsl; weight hwio, bias plain. groups = 1, channels of y
// in memory a multiple of 4. WINDOW: columns of x that a pixel sees; SY, SX, DY, DX: strides and dilations.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
//#if PLAIN
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
//#endif
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"
//#include "conv2d/pool.wgsl"

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let o4 = params.os / 4u;
  let block = wg.z * ${O4}u;
//#for J 0 (KH*KW*O4+SG-1)/SG
  let w$J = weight[(${SG*J}u + lane) / ${O4}u * o4 + min(block + (${SG*J}u + lane) % ${O4}u, o4 - 1u)];
//#endfor
  let rows = params.oh / 2u;
  let columns = params.ow / 2u;
  let run = linear_group(wg, groups) * ${SG}u + lane;
  let row = run / params.splits;
  let n = row / rows;
  let start = run % params.splits * params.share;
  let end = select(0u, min(start + params.share, columns), n < params.n);
//#for Y 0 ROWS
  let y$Y = row % rows * ${2*SY}u + $Yu - params.top;
  let inside$Y = y$Y < params.h;
  let at$Y = (n * params.h + y$Y) * params.w;
//#for X 0 CARRY
  var v${Y}_${X} = 0.0;
//#endfor
//#endfor
//#if CARRY
  // The first columns, one by one: a loop that is not unrolled, because loads compile slowly.
  for (var i = 0u; i < (params.kw - 1u) * params.dx + 1u - params.sx; i++) {
    let ix = start * ${2*SX}u + i - params.left;
//#for Y 0 ROWS
//#for X 1 CARRY
    v${Y}_${X-1} = v${Y}_${X};
//#endfor
    v${Y}_${CARRY-1} = select(0.0, x[at$Y + ix], inside$Y && ix < params.w);
//#endfor
  }
//#endif
//#for J 0 (O4+SG-1)/SG
  let bias$J = bias_of(block + ${SG*J}u + lane, params.o);
//#endfor
  for (var i = 0u; i < params.share; i++) {
    let column = start + i;
//#for X CARRY WINDOW
    let ix$X = column * ${2*SX}u + $Xu - params.left;
//#for Y 0 ROWS
    let v${Y}_${X} = select(0.0, x[at$Y + ix$X], inside$Y && ix$X < params.w);
//#endfor
//#endfor
//#for O 0 O4
    let bias_$O = subgroupBroadcast(bias${O/SG}, ${O%SG}u);
    var a$O = bias_$O;
    var b$O = bias_$O;
    var c$O = bias_$O;
    var d$O = bias_$O;
//#endfor
//#for KY 0 KH
//#for KX 0 KW
//#for O 0 O4
    {
      let f = subgroupBroadcast(w${((KY*KW+KX)*O4+O)/SG}, ${((KY*KW+KX)*O4+O)%SG}u);
      a$O += v${KY*DY}_${KX*DX} * f;
      b$O += v${KY*DY}_${KX*DX+SX} * f;
      c$O += v${KY*DY+SY}_${KX*DX} * f;
      d$O += v${KY*DY+SY}_${KX*DX+SX} * f;
    }
//#endfor
//#endfor
//#endfor
    if (column < end) {
//#for O 0 O4
      if (block + $Ou < o4) { store_pooled(a$O, b$O, c$O, d$O, n, row % rows, column, block + $Ou); }
//#endfor
    }
//#for X 0 CARRY
//#for Y 0 ROWS
    v${Y}_${X} = v${Y}_${X+2*SX};
//#endfor
//#endfor
  }
}
