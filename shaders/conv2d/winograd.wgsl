// Winograd's convolution F(4x4, 3x3) (https://arxiv.org/abs/1509.09308): a tile of 4x4 results comes from 6x6 values by 36
// multiplications instead of 144. Rows and columns are polynomials known at the points 0, NEAR, -NEAR, FAR, -FAR and
// infinity. With NEAR = sqrt(1/2) and FAR = sqrt(2) the errors are a quarter of those with 1 and 2.
// Each function maps one line; applied to the columns and then to the rows it maps a tile.
const NEAR = 0.7071067811865476;
const FAR = 1.4142135623730951;

alias Line3 = array<vec4f, 3>;
alias Line4 = array<vec4f, 4>;
alias Line6 = array<vec4f, 6>;

// The image's side: all six values.
fn from6(v: Line6) -> Line6 {
  let even_a = v[4] - 2.0 * v[2];
  let odd_a = NEAR * v[3] - FAR * v[1];
  let even_b = v[4] - 0.5 * v[2];
  let odd_b = FAR * v[3] - NEAR * v[1];
  return Line6(
    v[0] - 2.5 * v[2] + v[4],
    even_a + odd_a,
    even_a - odd_a,
    even_b + odd_b,
    even_b - odd_b,
    v[1] - 2.5 * v[3] + v[5],
  );
}

// The filter's side: values of a polynomial of degree 2, scaled for the interpolation.
fn from3(v: Line3) -> Line6 {
  let even_a = -2.0 / 3.0 * v[0] - 1.0 / 3.0 * v[2];
  let odd_a = -2.0 / 3.0 * NEAR * v[1];
  let even_b = 1.0 / 6.0 * v[0] + 1.0 / 3.0 * v[2];
  let odd_b = FAR / 6.0 * v[1];
  return Line6(v[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, v[2]);
}

// The same for degree 3: 4x4 gradients are the filter that gives the gradient of the weight.
fn from4(v: Line4) -> Line6 {
  let even_a = -2.0 / 3.0 * v[0] - 1.0 / 3.0 * v[2];
  let odd_a = -2.0 / 3.0 * NEAR * v[1] - NEAR / 3.0 * v[3];
  let even_b = 1.0 / 6.0 * v[0] + 1.0 / 3.0 * v[2];
  let odd_b = FAR / 6.0 * v[1] + FAR / 3.0 * v[3];
  return Line6(v[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, v[3]);
}

// Back to four values.
fn to4(v: Line6) -> Line4 {
  let even_a = v[1] + v[2];
  let odd_a = v[1] - v[2];
  let even_b = v[3] + v[4];
  let odd_b = v[3] - v[4];
  return Line4(
    v[0] + even_a + even_b,
    NEAR * odd_a + FAR * odd_b,
    0.5 * even_a + 2.0 * even_b,
    0.5 * NEAR * odd_a + 2.0 * FAR * odd_b + v[5],
  );
}

// Back to three: the gradient of the weight.
fn to3(v: Line6) -> Line3 {
  let even_a = v[1] + v[2];
  let even_b = v[3] + v[4];
  return Line3(
    v[0] + even_a + even_b,
    NEAR * (v[1] - v[2]) + FAR * (v[3] - v[4]),
    0.5 * even_a + 2.0 * even_b + v[5],
  );
}

// Value i of a line: a loop over lines compiles in a tenth of the time that a text for each takes.
fn of6(v: Line6, i: u32) -> vec4f {
  let low = select(select(v[0], v[1], i == 1u), select(v[2], v[3], i == 3u), i > 1u);
  return select(low, select(v[4], v[5], i == 5u), i > 3u);
}

fn of4(v: Line4, i: u32) -> vec4f {
  return select(select(v[0], v[1], i == 1u), select(v[2], v[3], i == 3u), i > 1u);
}

fn of3(v: Line3, i: u32) -> vec4f {
  return select(select(v[0], v[1], i == 1u), v[2], i == 2u);
}
