// The gradient of a cell, four channels or one: dy nhwc, or with PLAIN plain, where four channels lie a plane apart.
//#if PLAIN
@group(0) @binding(1) var<storage, read> dy: array<f32>;

fn load_dy(n: i32, oy: i32, ox: i32, lane: i32) -> T {
  let plane = u32(params.oh * params.ow);
  let channel = 4u * u32(lane);
  let cell = u32(oy * params.ow + ox);
  var v = T();
//#for J 0 4
  v[$J] = select(0.0, dy[(u32(n) * params.channels + min(channel + $Ju, params.channels - 1u)) * plane + cell], channel + $Ju < params.channels);
//#endfor
  return v;
}
//#else
@group(0) @binding(1) var<storage, read> dy: array<T>;

fn load_dy(n: i32, oy: i32, ox: i32, lane: i32) -> T { return dy[y_index(n, oy, ox, lane)]; }
//#endif
