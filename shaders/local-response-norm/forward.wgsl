// base = k + alpha / size * (sum of the squares of a window of channels); y = epilogue(x * base^-beta).
//
// Threads: window.wgsl. Layout: nhwc; y stays zero in padding, where x is; base is k and more everywhere.
//#include "local-response-norm/window.wgsl"
//#include "lib/math.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
//#if BASE
@group(0) @binding(3) var<storage, read_write> base: array<T>;
//#endif

//#epilogue

fn finish(v: T) -> T {
//#if VEC
  return vec4f(epilogue(v.x, 0.0), epilogue(v.y, 0.0), epilogue(v.z, 0.0), epilogue(v.w, 0.0));
//#else
  return epilogue(v, 0.0);
//#endif
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let c = i32(i % params.columns);
  let pixel = i - u32(c);
  var squares = T();
  for (var j = first_of(c, params.before); j <= last_of(c, params.after); j++) {
    let v = x[pixel + u32(j)];
    squares += in_window(c, j, v * v, params.before, params.after);
  }
  let own = T(params.k) + params.rate * squares;
  y[i] = finish(x[i] * pow(own, T(-params.beta)));
//#if BASE
  base[i] = own;
//#endif
}
