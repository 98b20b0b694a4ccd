// norm[0] = (the norm of all gradients, the factor that brings it down to max_norm, 0, 0), from the parts of the chunks; the
// norm also goes to ring[step.slot].w, to be read some steps later.
//
// Threads: one workgroup of 64, which stride over the parts and join in a fixed order.
//#include "lib/step.wgsl"
struct Params { count: u32, max_norm: f32 }
@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
//#if RING
@group(0) @binding(4) var<storage, read_write> ring: array<vec4f>;
//#endif

//#include "optimizer/norm-join.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) li: u32) {
  var own = 0.0;
  for (var k = li; k < params.count; k += 64u) {
//#if NORM==0
    own = max(own, partials[k]);
//#else
    own += partials[k];
//#endif
  }
  var total = join_all(own, li, params.count);
  if (li == 0u) {
//#if NORM==2
    total = sqrt(total);
//#endif
    total *= step.gradient_scale;
    norm[0] = vec4f(total, min(1.0, params.max_norm / (total + 1e-6)), 0.0, 0.0);
//#if RING
    ring[step.slot].w = total;
//#endif
  }
}
