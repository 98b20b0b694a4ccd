// What both directions of pad share.
//
// Declares `params` at binding 0. top and left are negative where the input is cut; y has oh x ow elements.
//#include "lib/image.wgsl"
struct Params {
  // Threads; elements along the channels; real channels.
  count: u32, lanes: u32, channels: u32,
  h: i32, w: i32, oh: i32, ow: i32, top: i32, left: i32,
  // What constant padding holds.
  value: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
