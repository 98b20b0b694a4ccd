// Tiles of a tensor on a canvas, straight from its buffer: each pixel of a tile is one element, blue below zero, orange above.
//
// Vertices: four for each tile (a strip). Fragments: one for each pixel of the canvas that a tile covers.
// `data` is in any layout: a tile says where it begins and how far its columns and rows are apart.
// `largest` holds the largest absolute value of each tensor, by slot: the value with the full colour.
struct Tile { rect: vec4f, offset: u32, column_stride: u32, row_stride: u32, size: u32 }
struct View { size: vec2f, dark: u32, slot: u32 }
@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> tiles: array<Tile>;
@group(0) @binding(2) var<storage, read> data: array<f32>;
@group(0) @binding(3) var<storage, read> largest: array<f32>;

struct Corner { @builtin(position) position: vec4f, @location(0) at: vec2f, @location(1) @interpolate(flat) tile: u32 }

@vertex fn vertex(@builtin(vertex_index) v: u32, @builtin(instance_index) i: u32) -> Corner {
  let corner = vec2f(f32(v & 1u), f32(v >> 1u));
  let tile = tiles[i];
  let place = (tile.rect.xy + corner * tile.rect.zw) / view.size * 2.0 - 1.0;
  let size = vec2f(f32(tile.size & 0xffffu), f32(tile.size >> 16u));
  return Corner(vec4f(place.x, -place.y, 0.0, 1.0), corner * size, i);
}

// Zero, half and full, of either sign, on light and on dark.
const LIGHT = array(vec3f(0.0, 0.33, 0.56), vec3f(0.43, 0.69, 0.86), vec3f(0.95, 0.945, 0.93), vec3f(0.95, 0.66, 0.4), vec3f(0.7, 0.27, 0.0));
const DARK = array(vec3f(0.62, 0.86, 1.0), vec3f(0.16, 0.47, 0.68), vec3f(0.165, 0.195, 0.22), vec3f(0.72, 0.39, 0.06), vec3f(1.0, 0.77, 0.42));

@fragment fn fragment(corner: Corner) -> @location(0) vec4f {
  let tile = tiles[corner.tile];
  let last = vec2u(tile.size & 0xffffu, tile.size >> 16u) - 1u;
  let at = min(vec2u(max(corner.at, vec2f())), last);
  let value = data[tile.offset + at.x * tile.column_stride + at.y * tile.row_stride];
  let most = largest[view.slot];
  let scaled = 2.0 + 2.0 * clamp(select(0.0, value / most, most > 0.0), -1.0, 1.0);
  let step = min(u32(scaled), 3u);
  var colors = LIGHT;
  if (view.dark == 1u) { colors = DARK; }
  return vec4f(mix(colors[step], colors[step + 1u], scaled - f32(step)), 1.0);
}
