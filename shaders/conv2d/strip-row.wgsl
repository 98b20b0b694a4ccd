// The next row of x behind the last KH of them that a strip keeps, WINDOW columns from `left` on. Include it in the loop over
// rows; needs n, iy, missing, left, c4, q and x0_0 to x(KH-1)_(WINDOW-1).
    let inside = iy < params.h;
    let at = ((n * params.h + iy) * params.w + left) * c4 + q;
//#for X 0 WINDOW
//#for R 1 KH
    x${R-1}_$X = x${R}_$X;
//#endfor
    x${KH-1}_$X = select(vec4f(), x[at + $Xu * c4], inside && left + $Xu < params.w);
//#endfor
    iy += 1u;
    missing -= 1u;
