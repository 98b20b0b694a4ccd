// The most multiply-adds that an adapter sustains: ACCUMULATORS independent chains of vec4 a thread, in registers, nothing
// read meanwhile. The result depends on all of them and is kept, so that nothing can be left out.
//
// Threads: GROUP to a workgroup, one vec4 of y each. 8 * ACCUMULATORS * params.rounds operations a thread.
struct Params { rounds: u32, factor: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let factor = vec4f(params.factor);
//#for A 0 ACCUMULATORS
  var a${A} = vec4f(f32(id.x) + $A.0);
//#endfor
  for (var i = 0u; i < params.rounds; i++) {
//#for A 0 ACCUMULATORS
    a${A} = fma(a${A}, factor, factor);
//#endfor
  }
  var sum = vec4f();
//#for A 0 ACCUMULATORS
  sum += a${A};
//#endfor
  y[id.x] = sum;
}
